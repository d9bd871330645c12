import { explorable, fixed, integers, key, line, mark, memo, mulberry32, px, words } from "./core.mjs";

// How wrong is one mini-batch gradient? Every possible batch of the running example is a dot.

const FEATURES = [
  [1, 0.5], [2, 1], [0.5, 2], [1.5, 0.5], [3, 1.5], [0.5, 0.5], [2.5, 2], [1, 1.5],
];
const TARGETS = FEATURES.map(([first, second]) => 2 * first - second + 1);
// At w = 0, b = 0 the gradient of (w·x + b − y)² for one example is −2y·x.
const GRADIENTS = FEATURES.map((features, i) => features.map((value) => -2 * TARGETS[i] * value));
const FULL = [0, 1].map((axis) => GRADIENTS.reduce((sum, one) => sum + one[axis], 0) / 8);
const FAVOR = TARGETS.map((target) => (target >= 3.5 ? 3 : 1));
const NORM = 15, DRAWS = 200;

export const DEFAULTS = {
  batch_size: 2, sampling: "without", rule: "mean", seed: 616, draws: DRAWS,
};
export const CONTROLS = [
  { key: "batch_size", label: "Batch size B", values: integers(1, 8) },
  { key: "sampling", label: "Examples are drawn", values: ["without", "with"],
    names: ["without replacement", "with replacement"] },
  { key: "rule", label: "A batch’s gradient is", values: ["mean", "clip", "favor"],
    names: ["its mean", `clipped at norm ${NORM}`, "its mean, large errors favored 3 : 1"] },
  { key: "seed", again: "New draws", values: integers(0, 999) },
  { key: "draws", label: "Batches drawn", of: true, play: "Draw one", values: integers(0, DRAWS) },
];
export const VIEWS = { sampling: {}, "sampling-clip": { rule: "clip" } };

// ---- simulation, mirrored in sampling.py ----

// Members of every batch, in the order of Python's itertools.combinations(_with_replacement).
function everyBatch(batch_size, repeat) {
  const found = [], members = [];
  const extend = (from) => {
    if (members.length === batch_size) return found.push([...members]);
    for (let i = from; i < 8; i++) {
      members.push(i);
      extend(repeat ? i : i + 1);
      members.pop();
    }
  };
  extend(0);
  return found;
}

// How often a batch comes up, as a whole number: its orderings, times the favor of its members.
function weigh(members, sampling, rule) {
  let weight = 1, run = 0;
  members.forEach((member, i) => {
    run = member === members[i - 1] ? run + 1 : 1;
    if (sampling === "with") weight = (weight * (i + 1)) / run;
    if (rule === "favor") weight *= FAVOR[member];
  });
  return weight;
}

// Every batch there is, what they average to, and how far one of them typically is off.
const population = memo((batch_size, sampling, rule) => {
  let total = 0, sumX = 0, sumY = 0, squares = 0;
  const batches = everyBatch(batch_size, sampling === "with").map((members) => {
    let x = 0, y = 0;
    for (const member of members) {
      x += GRADIENTS[member][0];
      y += GRADIENTS[member][1];
    }
    const norm = Math.sqrt(x * x + y * y) / batch_size;
    const shrink = rule === "clip" && norm > NORM ? NORM / norm : 1;
    x *= shrink;
    y *= shrink;
    const weight = weigh(members, sampling, rule);
    total += weight;
    sumX += weight * x;
    sumY += weight * y;
    return { members, x: x / batch_size, y: y / batch_size, shrink, weight, up_to: total };
  });
  for (const { x, y, weight } of batches) squares += weight * distanceSquared([x, y]);
  return { batches, total, mean: [sumX / (batch_size * total), sumY / (batch_size * total)],
    typical_miss: Math.sqrt(squares / total) };
});

const solve = memo((batch_size, sampling, rule, seed) => {
  const all = population(batch_size, sampling, rule), { batches, total } = all;
  const random = mulberry32(seed), drawn = [], average = [];
  let sumX = 0, sumY = 0;
  for (let t = 1; t <= DRAWS; t++) {
    const target = random() * total, chosen = batches.findIndex(({ up_to }) => target < up_to);
    sumX += batches[chosen].x;
    sumY += batches[chosen].y;
    drawn.push(chosen);
    average.push([sumX / t, sumY / t]);
  }
  return { ...all, drawn, average };
});
export const simulate = ({ batch_size, sampling, rule, seed }) =>
  solve(batch_size, sampling, rule, seed);

const distanceSquared = ([x, y]) => (x - FULL[0]) * (x - FULL[0]) + (y - FULL[1]) * (y - FULL[1]);
const miss = (point) => Math.sqrt(distanceSquared(point));
export function describe(state) {
  const { batches, mean, typical_miss, average } = simulate(state);
  const { batch_size, sampling, rule, draws } = state, bias = miss(mean), count = batches.length;
  const point = ([x, y]) => `(${fixed(x)}, ${fixed(y)})`;
  const possible = count === 1
    ? `1 batch of ${batch_size} is possible without replacement.`
    : `${count} ${sampling === "with" ? "different " : ""}batches of ${batch_size} are possible ` +
      `${sampling} replacement.`;
  const whose = count === 1 ? "Its gradient" : "Their mean";
  const center = bias < 1e-9
    ? `${whose}, ${point(mean)}, is the full gradient.`
    : `${whose}, ${point(mean)}, misses the full gradient, ${point(FULL)}, by ${fixed(bias)}: ` +
      `${rule === "clip" ? "clipping" : "favoring large errors"} biases it, ` +
      "and no number of draws repairs that.";
  const one = `One batch typically misses by ${fixed(typical_miss)} (root mean square).`;
  const walk = draws === 0
    ? "No batch is drawn yet."
    : `After ${draws} ${draws === 1 ? "draw" : "draws"} the running average misses ` +
      `the full gradient by ${fixed(miss(average[draws - 1]))}.`;
  return `${possible} ${center} ${one} ${walk}`;
}

// ---- picture ----

function frame(width) {
  const left = width < 460 ? 34 : 40, top = 8, right = width - 8, scale = (right - left) / 37;
  return { left, top, right, scale, bottom: top + 20.5 * scale,
    at: ([x, y]) => [left + scale * (x + 35), top + scale * (2 - y)] };
}

const plane = memo((width) => {
  const { left, top, right, bottom, at } = frame(width);
  const across = [-30, -20, -10, 0].map((tick) => {
    const [x] = at([tick, 0]);
    return line("soft", [x, top], [x, bottom]) +
      words(x, bottom + 16, fixed(tick, 0), "soft", "middle");
  });
  const up = [-15, -10, -5, 0].map((tick) => {
    const [, y] = at([0, tick]);
    return line("soft", [left, y], [right, y]) +
      words(left - 6, y + 4, fixed(tick, 0), "soft", "end");
  });
  return across.join("") + up.join("") + words(left + 6, top + 12, "↑ gradient of w₂", "soft") +
    words(right, bottom + 32, "gradient of w₁ →", "soft", "end");
});

// Dots of equal weight share a path; the area of a dot is its probability.
const cloud = memo((width, ...choice) => {
  const { batches, total } = population(...choice), { at, scale } = frame(width), paths = {};
  for (const { x, y, weight } of batches) {
    const size = px(Math.max(2.4, Math.min(1, scale / 14) * 44 * Math.sqrt(weight / total)));
    paths[size] = `${paths[size] ?? ""}M${at([x, y]).map(px).join(" ")}h0`;
  }
  return Object.entries(paths).map(([size, d]) =>
    `<path class="cloud vermillion" stroke-width="${size}" d="${d}"/>`).join("");
});

// The circle of the typical miss around the full gradient, cut off where the plane ends.
function circles(state, width) {
  const { typical_miss } = simulate(state), { left, top, right, bottom, scale, at } = frame(width);
  const circle = (kind, center, radius) => {
    const [x, y] = at(center).map(px);
    return `<circle class="line dashed ${kind}" cx="${x}" cy="${y}" r="${px(radius * scale)}"/>`;
  };
  const [x, y] = width < 460 ? [right + 6, at([0, -13])[1]]
    : at([FULL[0] - 0.87 * typical_miss, FULL[1] + 0.5 * typical_miss]);
  const box = [left, top, right - left, bottom - top].map(px), clips = state.rule === "clip";
  return `<svg x="${box[0]}" y="${box[1]}" width="${box[2]}" height="${box[3]}" ` +
    `viewBox="${box.join(" ")}">${circle("blue", FULL, typical_miss)}` +
    `${clips ? circle("ink", [0, 0], NORM) : ""}</svg>` +
    (clips ? words(right, at([0, -NORM])[1] + 14, `norm ${NORM}`, "soft", "end") : "") +
    (typical_miss > 1 ? words(x - 6, y, `typical miss ${fixed(typical_miss)}`, "soft", "end") : "");
}

// The batch drawn last: its examples, joined to their mean, and what the rule makes of it.
function latest({ members, x, y, shrink }, { at }) {
  const mean = at([x / shrink, y / shrink]);
  const spokes = members.map((i) => line("thin ink", at(GRADIENTS[i]), mean));
  return (members.length > 1 ? spokes.join("") : "") +
    (shrink < 1 ? line("dashed vermillion", mean, at([x, y])) : "") +
    mark("dot", "vermillion", ...at([x, y]));
}

// Names of the marks: in the corner that no batch reaches, or on a phone in a row below the plane.
function names(state, { left, right, bottom, at }) {
  const { batches, mean } = simulate(state);
  const all = batches.length === 1 ? "the only batch" : `mean of all ${batches.length}`;
  if (right < 460)
    return mark("ring", "blue", left + 4, bottom + 46) +
      words(left + 18, bottom + 50, "full gradient") +
      mark("cross", "vermillion", left + 120, bottom + 46) + words(left + 134, bottom + 50, all);
  const name = (height, point, text) => {
    const [x, y] = at(point), [, down] = at([0, height]), start = right - 7.6 * text.length;
    const above = x + 6 > start;  // then the way to the words is straight down
    return line("thin ink", [above ? x : x + 6, y + 9], above ? [x, down - 14] : [start - 5, down - 5]) +
      words(start, down, text, "strong");
  };
  return miss(mean) < 1e-9 ? name(-13, FULL, `full gradient = ${all}`)
    : name(-13, FULL, "full gradient") + name(mean[0] > FULL[0] ? -10.5 : -14.4, mean, all);
}

function strip(batch, { draws }, top, width) {
  const label = words(0, top + 18, batch ? `Batch ${draws} is` : "No batch yet");
  const step = Math.min(34, (width - 86) / 8);
  return label + GRADIENTS.map((_, i) => {
    const times = batch ? batch.members.filter((member) => member === i).length : 0;
    const x = 88 + i * step;
    return `<rect class="${times ? "filled vermillion" : "empty"}" x="${px(x)}" y="${px(top)}" ` +
      `width="${px(step - 4)}" height="26" rx="4"/>` + words(x + step / 2 - 2, top + 18,
        times > 1 ? `${i + 1}×${times}` : i + 1, times ? "on-vermillion" : "soft", "middle");
  }).join("");
}

export function draw(state, width) {
  const { batches, mean, drawn, average } = simulate(state);
  const { batch_size, sampling, rule, draws } = state, batch = batches[drawn[draws - 1]];
  const place = frame(width), { at, bottom } = place;
  const examples = GRADIENTS.map((gradient, i) =>
    mark("speck", batch?.members.includes(i) ? "ink" : "ink hollow", ...at(gradient))).join("") +
    words(at([-34, 0])[0], at([0, -15.6])[1], "example 5", "soft");
  const trail = average.slice(0, draws).map(at);
  const walk = batch
    ? line("vermillion", ...trail) + mark("square", "vermillion", ...trail.at(-1)) : "";
  const bias = miss(mean) > 1e-9 ? line("ink", at(FULL), at(mean)) : "";
  const truth = mark("ring", "blue", ...at(FULL)) + mark("cross", "behind", ...at(mean)) +
    mark("cross", "vermillion", ...at(mean));
  const below = bottom + (width < 460 ? 62 : 40);
  return { height: Math.ceil(below + 30), layers: [
    plane(width) + circles(state, width),
    cloud(width, batch_size, sampling, rule),
    examples + (batch ? latest(batch, place) : ""),
    walk + bias + truth + names(state, place),
    strip(batch, state, below, width),
  ] };
}

export function table(state) {
  const { batches, mean, drawn, average } = simulate(state), { draws } = state;
  const batch = batches[drawn[draws - 1]];
  const shown = (point) => [...point, miss(point)].map((value) => fixed(value));
  const row = (name, point) => [name, ...(point ? shown(point) : ["–", "–", "–"])];
  return { head: ["Gradient", "of w₁", "of w₂", "off by"], rows: [
    row(`${key("ring", "blue")}All 8 examples`, FULL),
    row(`${key("cross", "vermillion")}Mean of ${batches.length === 1 ? "the one batch" : `all ${batches.length} batches`}`, mean),
    row(`${key("walk", "vermillion")}Average of ${draws} drawn`, average[draws - 1]),
    row(`${key("dot", "vermillion")}The batch just drawn`, batch && [batch.x, batch.y]),
  ] };
}

export default explorable({
  title: "Every mini-batch gradient there is",
  defaults: DEFAULTS, controls: CONTROLS, views: VIEWS, draw, describe, table,
  question: "One batch of 2 gives a gradient that is far off. Average the gradients of all 28 " +
    "batches of 2: where does the average land?",
  answers: [
    ["Near the full gradient, a little off",
      "Closer. Each example is in exactly 7 of the 28 batches, so all count the same: the " +
      "average is the full gradient to the last bit. Only a handful of draws is a little off."],
    ["Exactly on the full gradient",
      "Yes. Each example is in exactly 7 of the 28 batches, so all count the same. Now change " +
      "B, or draw with replacement: the dots move, the cross does not."],
    ["Pulled toward the largest gradient",
      "That example pulls its 7 batches far, and the other 21 batches lack it: the two cancel. " +
      "Favor large errors below to see a real pull."],
  ],
});
