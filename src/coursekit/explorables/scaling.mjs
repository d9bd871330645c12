import { explorable, fixed, integers, key, line, mark, memo, mulberry32, px, words } from "./core.mjs";

// A larger batch: by how much may the learning rate grow? A quadratic with noise, run twice over the
// same examples: at the base setting, and at a batch k times as large with a rate set by a rule.

const BASE = 8, EXAMPLES = 4096, NOISE = 0.5, EACH = 4, CURVATURES = [1, 0.1], LIMIT = 2 / CURVATURES[0], FAR = 1e6;
const SIZES = [8, 16, 32, 64, 128, 256, 512], RULES = ["linear", "root", "none"];
const NAMES = { linear: "Linear rule", root: "Square-root rule", none: "Unscaled rate" };

export const DEFAULTS = { batch_size: 64, rule: "linear", base_rate: 0.05, seed: 13, seen: EXAMPLES };
export const CONTROLS = [
  { key: "batch_size", label: "Batch size B", values: SIZES },
  { key: "rule", label: "Learning rate follows", values: RULES, names: ["linear", "root", "unscaled"] },
  { key: "base_rate", label: "Base rate", values: [0.0125, 0.025, 0.05, 0.1, 0.2] },
  { key: "seed", again: "New draws", values: integers(0, 999) },
  { key: "seen", label: "Examples seen:", of: true, play: "Step", values: integers(0, 64).map((i) => 64 * i) },
];
export const VIEWS = { scaling: {}, "scaling-unscaled": { rule: "none" }, "scaling-limit": { batch_size: 512 } };

// ---- simulation, mirrored in scaling.py ----

const rateOf = (rule, base_rate, size) => rule === "linear" ? (base_rate * size) / BASE
  : rule === "root" ? base_rate * Math.sqrt(size / BASE) : base_rate;

// Gradient noise of each block of 8 examples, in 4 steep and then 4 flat directions.
const blocks = memo((seed) => {
  const random = mulberry32(seed), wide = CURVATURES.map((h) => Math.sqrt((12 * h * NOISE) / BASE));
  return integers(1, EXAMPLES / BASE).map(() =>
    integers(0, 2 * EACH - 1).map((i) => (random() - 0.5) * wide[i < EACH ? 0 : 1]));
});

const train = memo((size, rate, seed) => {
  const noise = blocks(seed), count = size / BASE, losses = [1];
  const w = integers(0, 2 * EACH - 1).map((i) => Math.sqrt(1 / (EACH * CURVATURES[i < EACH ? 0 : 1])));
  for (let step = 0; step < EXAMPLES / size; step++) {
    let loss = 0;
    for (let i = 0; i < 2 * EACH; i++) {
      const h = CURVATURES[i < EACH ? 0 : 1];
      let sum = 0;
      for (let j = 0; j < count; j++) sum += noise[step * count + j][i];
      w[i] -= rate * (h * w[i] + sum / count);
      loss += 0.5 * h * w[i] * w[i];
    }
    losses.push(Math.min(loss, FAR));
  }
  return losses;
});

// What is left of the start and what the noise adds, in expectation after all examples.
const expect = memo((size, rate) => {
  let left = 0, noise = 0;
  for (const h of CURVATURES) {
    const keep = (1 - rate * h) * (1 - rate * h);
    let start = 1 / (EACH * h), added = 0;
    for (let step = 0; step < EXAMPLES / size; step++) {
      start *= keep;
      added = keep * added + (rate * rate * h * NOISE) / size;
    }
    left += 0.5 * EACH * h * start;
    noise += 0.5 * EACH * h * added;
  }
  return { left: Math.min(left, FAR), noise: Math.min(noise, FAR), loss: Math.min(left + noise, FAR) };
});

export function simulate({ batch_size, rule, base_rate, seed }) {
  const run = (size) => {
    const rate = rateOf(rule, base_rate, size);
    return { rate, losses: train(size, rate, seed), expected: expect(size, rate) };
  };
  const curves = RULES.map((name) => SIZES.map((size) => expect(size, rateOf(name, base_rate, size)).loss));
  return { base: run(BASE), scaled: run(batch_size), curves };
}
const shown = (loss) => (loss > 10 ? "over 10" : fixed(loss, 4));
const times = (ratio) => (ratio > 100 ? "over 100" : fixed(ratio, 2));
const rateText = (rate) => fixed(rate, 4).replace(/0+$/, "");

export function describe(state) {
  const { batch_size, rule, seen } = state, { base, scaled } = simulate(state), steps = Math.floor(seen / batch_size);
  const ratio = scaled.expected.loss / base.expected.loss;
  const verdict = batch_size === BASE ? "This is the base run itself"
    : scaled.rate > LIMIT ? "The rate is above the limit 2/L = 2: each step overshoots further than the one before"
    : `On average it ends at ${times(ratio)} times the loss of the base run${ratio > 0.8 && ratio < 1.25 ? ": it keeps up" : ""}`;
  return `${NAMES[rule]}: batches of ${batch_size} at rate ${rateText(scaled.rate)}, base run of ${BASE} at ${rateText(base.rate)}. ` +
    `After ${seen} examples and ${steps} ${steps === 1 ? "step" : "steps"} the loss is ${shown(scaled.losses[steps])}; ` +
    `the base run has ${shown(base.losses[Math.floor(seen / BASE)])} after ${Math.floor(seen / BASE)} steps. ${verdict}.`;
}

// ---- picture: two charts with one loss axis ----

function frame(width) {
  const wide = width >= 560, tall = 210, top = 44, second = wide ? top : top + tall + 88;
  const left = 40, right = wide ? width * 0.46 : width - 8, from = wide ? right + 48 : 40, to = width - 72;
  return { wide, tall, top, second, left, right, from, to, height: second + tall + 40,
    loss: (value, above) => above + tall * Math.max(0, Math.min(1, (0.4 - Math.log10(Math.max(value, 1e-9))) / 3.4)),
    seen: (count) => left + ((right - left) * count) / EXAMPLES,
    size: (value) => from + ((to - from) * Math.log2(value / BASE)) / 6 };
}

const grid = memo((width) => {
  const { tall, top, second, left, right, from, to, loss, seen, size } = frame(width);
  const levels = (x0, x1, above) => [1, 0.1, 0.01, 0.001].map((tick) =>
    line("soft", [x0, loss(tick, above)], [x1, loss(tick, above)]) +
    words(x0 - 5, loss(tick, above) + 4, tick, "soft", "end")).join("");
  return words(0, 14, "Loss of one run each", "strong") + levels(left, right, top) +
    [0, 1024, 2048, 3072, 4096].map((tick) => line("soft", [seen(tick), top], [seen(tick), top + tall]) +
      words(seen(tick), top + tall + 16, tick, "soft", tick === EXAMPLES ? "end" : "middle")).join("") +
    words(right, top + tall + 34, "examples seen →", "soft", "end") +
    words(from - 40, second - 30, "Expected loss at the end", "strong") + levels(from, to, second) +
    SIZES.map((tick) => line("soft", [size(tick), second], [size(tick), second + tall]) +
      words(size(tick), second + tall + 16, tick, "soft", "middle")).join("") +
    words(to, second + tall + 34, "batch size B →", "soft", "end");
});

// A curve that leaves the chart at the top ends where it does so.
const inside = (points, above) => {
  const end = points.findIndex(([, y]) => y <= above);
  return end < 0 ? points : points.slice(0, end + 1);
};

export function draw(state, width) {
  const { batch_size, rule, base_rate, seen } = state, { base, scaled, curves } = simulate(state);
  const place = frame(width), { tall, top, second, from, to, loss, seen: x, size } = place;
  const path = (losses, step) => inside(losses.slice(0, Math.floor(seen / step) + 1)
    .map((value, i) => [x(i * step), loss(value, top)]), top);
  const walk = path(scaled.losses, batch_size);
  const runs = line("ink", ...path(base.losses, BASE)) + line("vermillion", ...walk) +
    (scaled.losses.length <= 33 ? walk.map(([a, b]) => mark("speck", "vermillion", a, b)).join("") : "");
  const lines = curves.map((values, i) => {
    const points = inside(values.map((value, j) => [size(SIZES[j]), loss(value, second)]), second), [ex, ey] = points.at(-1);
    const chosen = RULES[i] === rule;
    return line(chosen ? "vermillion" : "ink thin dashed", ...points) +
      words(Math.min(ex, to) + 7, ey + 4, ["linear", "root", "unscaled"][i], chosen ? "strong" : "soft");
  }).join("");
  const wall = rule === "linear" ? (LIMIT * BASE) / base_rate : rule === "root" ? BASE * (LIMIT / base_rate) ** 2 : Infinity;
  const limit = wall <= 512 ? line("ink dashed", [size(wall), second - 8], [size(wall), second + tall]) : "";
  const told = words(from - 40, second - 12, wall === Infinity ? "the rate stays below 2/L at every B" : `the rate reaches 2/L at B = ${wall}`, "soft");
  const known = loss(base.expected.loss, second);
  const now = line("blue", [from, known], [to, known]) + limit + told + lines +
    mark("dot", "vermillion", size(batch_size), loss(scaled.expected.loss, second));
  return { height: place.height, layers: [grid(width), runs, now] };
}

export function drag(x, y, state, width) {
  const { wide, second, left, right, from, size } = frame(width);
  if (wide ? x < from - 20 : y < second - 36)
    return { seen: 64 * Math.max(0, Math.min(64, Math.floor((64 * (x - left)) / (right - left) + 0.5))) };
  return { batch_size: SIZES.reduce((best, value) => (Math.abs(size(value) - x) < Math.abs(size(best) - x) ? value : best)) };
}

export function table(state) {
  const { batch_size, seen } = state, { base, scaled } = simulate(state);
  const row = (name, value) => [name, value(base, BASE), value(scaled, batch_size)];
  return { head: ["Run", `${key("rule", "ink")}B = ${BASE}`, `${key("rule", "vermillion")}B = ${batch_size}`], rows: [
    row("Learning rate (limit 2)", ({ rate }) => rateText(rate)),
    row("Loss of this run", ({ losses }, size) => shown(losses[Math.floor(seen / size)])),
    row(`${key("rule", "blue")}Expected at the end`, ({ expected }) => shown(expected.loss)),
    row("– left over from the start", ({ expected }) => shown(expected.left)),
    row("– kept up by noise", ({ expected }) => shown(expected.noise)),
  ] };
}

export default explorable({
  title: "How far the learning rate may follow the batch", defaults: DEFAULTS, controls: CONTROLS, views: VIEWS, draw, drag, describe, table,
  question: "B = 8 at rate 0.05 becomes B = 64 at rate 0.40: 8 times fewer steps, each 8 times as long. Where does the loss stand after the same number of examples?",
  answers: [
    ["Higher: 8 times fewer steps", "Each step is 8 times as long. Choose “unscaled” to see what fewer steps do alone: most of the loss is then left over from the start."],
    ["About where it was", "Yes, within a tenth on average. Now raise B further. At 256 the rate is still below 2/L, yet noise keeps the loss well above the base run; at 512 the rate is above it, and the run diverges."],
    ["Lower: a larger batch has less noise", "Its gradient has an eighth of the variance. But a step 8 times as long carries 64 times the variance of its gradient, and 8 times fewer steps add it up: 64 ÷ 8 ÷ 8 = 1, about as much as before. Choose “root” at base rate 0.2, where noise is most of the loss: there less of it pays."],
  ],
});
