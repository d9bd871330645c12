import { explorable, fixed, integers, key, line, mark, memo, mulberry32, px, words } from "./core.mjs";

// When are several small passes one large batch? A gradient is filled up micro-batch by micro-batch.

const FIXED_GB = 2, GB_PER_EXAMPLE = 0.3, DEVICE_GB = 8;
export const DEFAULTS = { size: 8, count: 4, last: "ragged", divide: "means", seed: 199, left: 0 };
export const CONTROLS = [
  { key: "size", label: "Micro-batch size", values: [2, 4, 8, 16, 32] },
  { key: "count", label: "Micro-batches", values: integers(2, 8) },
  { key: "last", label: "The last one", values: ["full", "ragged"], names: ["is full", "has 1 example"] },
  { key: "divide", label: "Accumulate", values: ["means", "terms"],
    names: ["mean of the means", "sum ÷ all examples"] },
  { key: "seed", again: "New draws", values: integers(0, 999) },
  { key: "left", label: "Micro-steps to go", play: "Step",
    values: ({ count }) => integers(0, count).reverse() },
];
export const VIEWS = { accumulation: {}, "accumulation-terms": { divide: "terms" } };

// ---- simulation, mirrored in accumulation.py ----

// Gradients of single examples, in sixteenths: their sums are exact, so equal means equal bits.
const sixteenths = (center, u) => center + Math.floor(u * 257 - 128) / 16;

const solve = memo((size, count, last, divide, seed) => {
  const random = mulberry32(seed), sizes = Array(count).fill(size);
  if (last === "ragged") sizes[count - 1] = 1;
  let all = 0, x = 0, y = 0, weighted = 0;
  for (const n of sizes) all += n;
  const examples = [], reached = [[0, 0]], shares = [], sum = [0, 0];
  for (const n of sizes) {
    const part = [0, 0];
    for (let i = 0; i < n; i++) {
      const example = [sixteenths(9, random()), sixteenths(5, random())];
      examples.push(example);
      part[0] += example[0];
      part[1] += example[1];
    }
    sum[0] += part[0];
    sum[1] += part[1];
    if (divide === "means") {
      x += part[0] / n;
      y += part[1] / n;
      reached.push([x / count, y / count]);
      shares.push(1 / (count * n));
    } else {
      reached.push([sum[0] / all, sum[1] / all]);
      shares.push(1 / all);
    }
  }
  const large = [sum[0] / all, sum[1] / all], end = reached[count];
  const dx = end[0] - large[0], dy = end[1] - large[1];
  return { sizes, all, examples, reached, shares, large, off: Math.sqrt(dx * dx + dy * dy),
    memory: FIXED_GB + GB_PER_EXAMPLE * sizes[0], memory_large: FIXED_GB + GB_PER_EXAMPLE * all };
});

export const simulate = ({ size, count, last, divide, seed }) => solve(size, count, last, divide, seed);

export function describe(state) {
  const { size, count, last, left } = state, { all, large, reached, off, memory, memory_large } = simulate(state);
  const parts = last === "full" ? `${count} micro-batches of ${size}`
    : `${count - 1} micro-${count === 2 ? "batch" : "batches"} of ${size} and a last one of 1`;
  const fits = (gigabytes) => gigabytes > DEVICE_GB ? ", more than the device has" : "";
  const point = ([x, y]) => `(${fixed(x)}, ${fixed(y)})`, done = count - left;
  const told = left ? `After ${done} of ${count} micro-steps the accumulated gradient is ${point(reached[done])}, on its way to ${point(reached[count])}; the large batch has ${point(large)}.`
    : off === 0 ? `The accumulated gradient is ${point(large)}, exactly that of the large batch of ${all}.`
    : `The accumulated gradient, ${point(reached[count])}, misses that of the large batch of ${all}, ${point(large)}, by ${fixed(off)}: the last example counts ${size} times as much as the others.`;
  return `${parts}. ${told} They need ${fixed(memory, 1)} GB${fits(memory)}; the large batch needs ${fixed(memory_large, 1)} GB${fits(memory_large)}.`;
}

// ---- picture ----

// The plane holds every gradient there can be: each lies between 1 and 17 across, −3 and 13 up.
function frame(width) {
  const wide = width >= 560, right = wide ? 396 : width, scale = (right - 30) / 18.4;
  return { wide, left: 30, right, scale, bottom: 8 + 17.4 * scale,
    at: ([x, y]) => [30 + scale * (x + 0.9), 8 + scale * (13.6 - y)] };
}

const plane = memo((width) => {
  const { left, right, bottom, at } = frame(width), [zero] = at([0, 0]);
  return [0, 5, 10, 15].map((tick) => {
    const [x] = at([tick, 0]), [, y] = at([0, tick - 5]);
    return line("soft", [x, 8], [x, bottom]) + words(x, bottom + 16, tick, "soft", "middle") +
      (tick ? line("soft", [left, y], [right, y]) + words(left - 6, y + 4, tick - 5, "soft", "end") : "");
  }).join("") + words(zero + 5, 20, "↑ gradient of w₂", "soft") + words(right, bottom + 32, "gradient of w₁ →", "soft", "end");
});

const cloud = memo((width, first, upTo, ...choice) => {
  const { at } = frame(width), { examples } = solve(...choice);
  return examples.map((example, i) =>
    mark("speck", i >= first && i < upTo ? "vermillion" : "ink hollow", ...at(example))).join("");
});

// The way of the accumulated gradient, an arrow for each micro-step.
function way({ reached, large, off }, { left, count }, { at, right }) {
  const done = reached.slice(0, count - left + 1).map(at), [x, y] = done.at(-1), target = at(large);
  const joints = done.slice(1, -1).map((point) => mark("speck", "vermillion", ...point)).join("");
  // The names stand on opposite sides of the two marks and to the right, away from the way.
  const name = (text, [at_x, at_y], below) =>
    words(Math.min(right - 8.2 * text.length, at_x - 12), at_y + (below ? 25 : -15), text, "strong");
  const met = !left && off === 0, below = met || y > target[1];
  const names = name("large batch", target, !below) +
    (done.length > 1 ? name(left ? "accumulated" : met ? "met exactly" : `off by ${fixed(off)}`, [x, y], below) : "");
  return line("blue dashed", at([0, 0]), target) + line("halo", ...done) + line("vermillion strong", ...done) + joints +
    (left || met ? "" : line("ink", [x, y], target)) + mark("ring", "blue", ...target) +
    (done.length > 1 ? mark("square", "vermillion", x, y) : "") + names;
}

// One row for each micro-batch: its examples, and how much one of them counts.
function rows({ sizes, all }, { left, count, divide }, x, y, width) {
  const room = width - 92, cell = Math.min(9, room / sizes[0]);
  return words(x, y, "micro-batch", "strong") + words(x + width, y, "1 example counts", "soft", "end") +
    sizes.map((n, i) => {
      const top = y + 12 + 24 * i, done = i < count - left, now = i === count - left - 1;
      const kind = now ? "filled vermillion" : done ? "filled ink" : "empty";
      const cells = integers(0, n - 1).map((j) => `<rect class="${kind}" x="${px(x + j * cell)}" y="${top}" width="${px(cell - 1)}" height="16"/>`);
      return cells.join("") + words(x + width, top + 13, `1/${divide === "means" ? count * n : all}`, done ? "" : "soft", "end");
    }).join("");
}

// Memory: what is there anyway, and what the examples of one pass add.
function memory({ sizes, all, memory: small, memory_large }, x, y, width) {
  const scale = width / 12, limit = x + DEVICE_GB * scale;
  const bar = (name, top, gigabytes, kind) => {
    const end = Math.min(gigabytes, 12) * scale, there = FIXED_GB * scale;
    return words(x, top - 5, name) + words(x + width, top - 5, `${fixed(gigabytes, 1)} GB${gigabytes > 12 ? " →" : ""}`, "", "end") +
      `<rect class="filled ink" x="${px(x)}" y="${px(top)}" width="${px(there)}" height="16"/>` +
      `<rect class="bar ${kind}" x="${px(x + there)}" y="${px(top)}" width="${px(end - there)}" height="16"/>`;
  };
  return bar(`large batch of ${all}`, y + 18, memory_large, "blue") + bar(`micro-batches of ${sizes[0]}`, y + 62, small, "vermillion") +
    line("ink dashed", [limit, y + 12], [limit, y + 38]) + line("ink dashed", [limit, y + 58], [limit, y + 88]) +
    words(limit, y + 102, `device: ${DEVICE_GB} GB`, "soft", "middle") +
    words(x, y + 122, "dark: parameters, gradients, optimizer", "soft") + words(x, y + 138, "light: activations of one pass", "soft");
}

export function draw(state, width) {
  const solution = simulate(state), { sizes, all } = solution, { size, count, last, divide, seed, left } = state;
  const place = frame(width), { wide, bottom } = place, x = wide ? 424 : 0, room = width - x;
  const upTo = sizes.slice(0, count - left).reduce((sum, n) => sum + n, 0);
  const first = left === count ? 0 : upTo - sizes[count - left - 1];
  const top = wide ? 20 : bottom + 62, below = wide ? 240 : top + 30 + 24 * count;
  return { height: Math.ceil(wide ? Math.max(bottom + 38, below + 144) : below + 144), layers: [
    plane(width), cloud(width, first, upTo, size, count, last, divide, seed), way(solution, state, place),
    rows(solution, state, x, top, room), memory(solution, x, below, room),
  ] };
}

export function table(state) {
  const { count, left } = state, { all, large, reached, off, memory, memory_large } = simulate(state);
  const done = count - left, gigabytes = (value) => `${fixed(value, 1)} GB`;
  return { head: ["Gradient", "of w₁", "of w₂", "memory"], rows: [
    [`${key("ring", "blue")}Large batch of ${all}`, ...large.map((value) => fixed(value)), gigabytes(memory_large)],
    [`${key("square", "vermillion")}After ${done} of ${count} micro-steps`, ...reached[done].map((value) => fixed(value)), gigabytes(memory)],
    ["In the end off by", fixed(off), "", ""],
  ] };
}

export default explorable({
  title: "Small passes, one large batch", defaults: DEFAULTS, controls: CONTROLS, views: VIEWS, draw, describe, table,
  question: "25 examples pass in micro-batches of 8, 8, 8 and 1. Each gives its mean gradient, and the four means are averaged. Is that the gradient of the batch of 25?",
  answers: [
    ["Yes, accumulation is exact", "Only if each example counts the same. In a mean of means the lonely last one counts 1/4 and each of the others 1/32. Choose “sum ÷ all examples”: now each counts 1/25, and the arrow meets the ring."],
    ["No, the last example counts 8 times as much", "Yes: 1/4 against 1/32. Choose “sum ÷ all examples” and each counts 1/25. Or let the last one be full: then the mean of means is right too, which is why nobody notices."],
    ["No, and no choice of weights repairs it", "The weights are all there is to repair: a sum over all examples, divided once by their number, is the gradient of the large batch to the last bit."],
  ],
});
