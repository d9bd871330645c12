import { explorable, fixed, integers, key, line, mark, memo, mulberry32, px, words } from "./core.mjs";

// How wrong is one mini-batch gradient? Every possible batch of the running example is a dot.

const FEATURES = [[1, 0.5], [2, 1], [0.5, 2], [1.5, 0.5], [3, 1.5], [0.5, 0.5], [2.5, 2], [1, 1.5]];
const TARGETS = FEATURES.map(([first, second]) => 2 * first - second + 1);
// At w = 0, b = 0 the gradient of (w·x + b − y)² for one example is −2y·x.
export const GRADIENTS = FEATURES.map(([first, second], i) => [-2 * TARGETS[i] * first, -2 * TARGETS[i] * second]);
export const FULL = [0, 1].map((axis) => GRADIENTS.reduce((sum, gradient) => sum + gradient[axis], 0) / 8);
const NORM = 15, FAVOR = TARGETS.map((target) => (target >= 3.5 ? 3 : 1)), DRAWS = 200;

export const DEFAULTS = { batch_size: 2, sampling: "without", rule: "mean", seed: 1, draws: DRAWS };
export const CONTROLS = [
  { key: "batch_size", label: "Batch size B", values: integers(1, 8) },
  { key: "sampling", label: "Draw the examples of a batch", values: ["without", "with"], names: ["without replacement", "with replacement"] },
  { key: "rule", label: "Then", values: ["mean", "clip", "favor"], names: ["take the mean", `clip it at norm ${NORM}`, "favor large errors 3 : 1"] },
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
function weigh(members, { sampling, rule }) {
  let weight = 1, run = 0;
  members.forEach((member, i) => {
    run = member === members[i - 1] ? run + 1 : 1;
    if (sampling === "with") weight = (weight * (i + 1)) / run;
    if (rule === "favor") weight *= FAVOR[member];
  });
  return weight;
}

export function simulate(state) {
  const { batch_size, rule } = state;
  let total = 0, sumX = 0, sumY = 0;
  const batches = everyBatch(batch_size, state.sampling === "with").map((members) => {
    let x = 0, y = 0;
    for (const member of members) {
      x += GRADIENTS[member][0];
      y += GRADIENTS[member][1];
    }
    const norm = Math.sqrt(x * x + y * y) / batch_size;
    const shrink = rule === "clip" && norm > NORM ? NORM / norm : 1;
    x *= shrink;
    y *= shrink;
    const weight = weigh(members, state);
    total += weight;
    sumX += weight * x;
    sumY += weight * y;
    return { members, x: x / batch_size, y: y / batch_size, shrink, weight, upTo: total };
  });
  const mean = [sumX / (batch_size * total), sumY / (batch_size * total)];
  let squares = 0;
  for (const { x, y, weight } of batches) squares += weight * distanceSquared([x, y]);
  const random = mulberry32(state.seed), drawn = [], average = [];
  let drawnX = 0, drawnY = 0;
  for (let t = 1; t <= DRAWS; t++) {
    const target = random() * total, batch = batches.find(({ upTo }) => target < upTo);
    drawnX += batch.x;
    drawnY += batch.y;
    drawn.push(batch);
    average.push([drawnX / t, drawnY / t]);
  }
  return { batches, total, mean, typicalMiss: Math.sqrt(squares / total), drawn, average };
}
const distanceSquared = ([x, y]) => (x - FULL[0]) * (x - FULL[0]) + (y - FULL[1]) * (y - FULL[1]);
export const miss = (point) => Math.sqrt(distanceSquared(point));
const solve = memo((batch_size, sampling, rule, seed) => simulate({ batch_size, sampling, rule, seed }));
const solved = (state) => solve(state.batch_size, state.sampling, state.rule, state.seed);

export function describe(state) {
  const { batches, mean, typicalMiss, average } = solved(state), { batch_size, draws } = state;
  const bias = miss(mean), point = ([x, y]) => `(${fixed(x)}, ${fixed(y)})`;
  const many = `${batches.length} ${state.sampling === "with" ? "different " : ""}batches of ${batch_size} are possible ${state.sampling} replacement.`;
  const one = batches.length === 1 ? `1 batch of ${batch_size} is possible without replacement.` : many;
  const centre = bias < 1e-9 ? `Their mean, ${point(mean)}, is the full gradient.` :
    `Their mean, ${point(mean)}, misses the full gradient, ${point(FULL)}, by ${fixed(bias)}: ` +
    `${state.rule === "clip" ? "clipping" : "favoring large errors"} biases it, and no number of draws repairs that.`;
  const walk = draws === 0 ? "No batch is drawn yet." :
    `After ${draws} ${draws === 1 ? "draw" : "draws"} the running average misses the full gradient by ${fixed(miss(average[draws - 1]))}.`;
  return `${one} ${centre} One batch misses by ${fixed(typicalMiss)} (root mean square). ${walk}`;
}

// ---- picture ----

function frame(width) {
  const left = 40, top = 10, scale = (width - left - 8) / 37;
  return { left, top, scale, right: width - 8, bottom: top + 20.5 * scale,
    x: (value) => left + scale * (value + 35), y: (value) => top + scale * (2 - value) };
}

const plane = memo((width) => {
  const { left, top, right, bottom, x, y } = frame(width), parts = [];
  for (const tick of [-30, -20, -10, 0])
    parts.push(line("soft", [x(tick), top], [x(tick), bottom]), words(x(tick), bottom + 16, fixed(tick, 0), "soft", "middle"));
  for (const tick of [-15, -10, -5, 0])
    parts.push(line("soft", [left, y(tick)], [right, y(tick)]), words(left - 6, y(tick) + 4, fixed(tick, 0), "soft", "end"));
  return parts.join("") + words(right, bottom + 33, "gradient of w₁ →", "soft", "end") + words(left + 6, top + 14, "↑ gradient of w₂", "soft");
});

// Dots of equal weight share a path; the area of a dot is its probability.
const cloud = memo((width, ...choice) => {
  const { batches, total } = solve(...choice), { x, y, scale } = frame(width), paths = {};
  for (const batch of batches) {
    const size = Math.max(2.4, px(Math.min(1, scale / 16) * 42 * Math.sqrt(batch.weight / total)));
    paths[size] = `${paths[size] ?? ""}M${px(x(batch.x))} ${px(y(batch.y))}h0`;
  }
  return Object.entries(paths).map(([size, d]) => `<path class="cloud vermillion" stroke-width="${size}" d="${d}"/>`).join("");
});

export function draw(state, width) {
  const { mean, drawn, average } = solved(state), { draws, rule } = state;
  const { x, y, bottom, scale } = frame(width), at = ([first, second]) => [x(first), y(second)];
  const full = at(FULL), batch = drawn[draws - 1], biased = miss(mean) > 1e-9;
  let now = "", walk = "";
  if (batch) {
    const sum = [0, 1].map((axis) => batch.members.reduce((total, member) => total + GRADIENTS[member][axis], 0) / state.batch_size);
    if (state.batch_size > 1) for (const member of batch.members) now += line("thin ink", at(GRADIENTS[member]), at(sum));
    if (batch.shrink < 1) now += line("dashed vermillion", at(sum), at([batch.x, batch.y]));
    now += mark("dot", "vermillion", ...at([batch.x, batch.y]));
    const trail = average.slice(0, draws).map(at);
    walk = line("halo", ...trail) + line("vermillion", ...trail) + mark("square", "vermillion", ...trail.at(-1));
  }
  const examples = GRADIENTS.map((gradient, i) => mark("speck", `ink ${batch?.members.includes(i) ? "" : "hollow"}`, ...at(gradient))).join("");
  const circle = rule === "clip" ? `<path class="line dashed ink" d="M${px(x(-NORM))} ${px(y(0))}A${px(NORM * scale)} ${px(NORM * scale)} 0 0 0 ${px(x(0))} ${px(y(-NORM))}"/>` +
    words(x(0) + 4, y(-NORM) + 4, `norm ${NORM}`, "soft") : "";
  const truth = mark("ring", "blue", ...full) + (biased ? line("dashed ink", full, at(mean)) : "") + mark("cross", "behind", ...at(mean)) + mark("cross", "vermillion", ...at(mean));
  const size = Math.min(30, (width - 110) / 8), top = bottom + 46, left = width - 8 * size;
  const strip = words(0, top + 18, batch ? `Batch ${draws} is` : "No batch yet") + GRADIENTS.map((_, i) => {
    const times = batch ? batch.members.filter((member) => member === i).length : 0;
    return `<rect class="${times ? "vermillion filled" : "empty"}" x="${px(left + i * size)}" y="${px(top)}" width="${px(size - 3)}" height="26" rx="4"/>` +
      words(left + i * size + (size - 3) / 2, top + 18, times > 1 ? `${i + 1}×${times}` : i + 1, times ? "on-vermillion" : "soft", "middle");
  }).join("");
  return { height: Math.ceil(top + 30),
    layers: [plane(width), cloud(width, state.batch_size, state.sampling, rule, state.seed), circle + examples + now, walk + truth, strip] };
}

export function table(state) {
  const { batches, mean, drawn, average } = solved(state), { draws } = state, batch = drawn[draws - 1];
  const row = (name, point) => [name, ...(point ? [...point, miss(point)].map((value) => fixed(value)) : ["–", "–", "–"])];
  return { head: ["", "of w₁", "of w₂", "off by"], rows: [
    row(`${key("ring", "blue")}Full gradient, all 8 examples`, FULL),
    row(`${key("cross", "vermillion")}Mean of all ${batches.length} batches`, mean),
    row(`${key("square", "vermillion")}Average of ${draws} drawn`, average[draws - 1]),
    row(`${key("dot", "vermillion")}The batch just drawn`, batch && [batch.x, batch.y]),
  ] };
}

export default explorable({
  name: "sampling", title: "Every mini-batch gradient there is", defaults: DEFAULTS, controls: CONTROLS, views: VIEWS, draw, describe, table,
  question: "One batch of 2 gives a gradient that is far off. Average the gradients of all 28 batches of 2. Where does the average land?",
  answers: [
    ["Near the full gradient, a little off", "Closer than that. Each example is in exactly 7 of the 28 batches, so all count the same: the average is the full gradient to the last bit. Only a handful of draws is a little off."],
    ["Exactly on the full gradient", "Yes. Each example is in exactly 7 of the 28 batches, so every one counts the same. Now change B, or draw with replacement: the dots move, the cross does not."],
    ["Pulled toward the example with the largest gradient", "That example pulls its 7 batches a long way, and the other 21 batches lack it: the two cancel. Choose “favor large errors” to see what a real pull looks like."],
  ],
});
