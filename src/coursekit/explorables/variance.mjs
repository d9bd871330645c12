import { explorable, fixed, integers, key, line, mark, memo, mulberry32, px, words } from "./core.mjs";

// How fast does the noise fall? Batch gradients of w₁ beside the two laws of their variance.

const DRAWS = 300, SIZES = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024];
export const DEFAULTS = {
  num_examples: 64, batch_size: 16, sampling: "without", seed: 13, draws: DRAWS,
};
export const CONTROLS = [
  { key: "num_examples", label: "Examples N", values: [8, 64, 1024], names: ["8", "64", "1024"] },
  { key: "batch_size", label: "Batch size B",
    values: ({ num_examples }) => SIZES.filter((size) => size <= num_examples) },
  { key: "sampling", label: "Examples are drawn", values: ["without", "with"],
    names: ["without replacement", "with replacement"] },
  { key: "seed", again: "New draws", values: integers(0, 999) },
  { key: "draws", label: "Batches drawn", of: true, play: "Draw one", values: integers(0, DRAWS) },
];
export const VIEWS = { variance: {}, "variance-small": { num_examples: 8, batch_size: 4 } };

// ---- simulation, mirrored in variance.py ----

const FIRST = [
  [1, 0.5], [2, 1], [0.5, 2], [1.5, 0.5], [3, 1.5], [0.5, 0.5], [2.5, 2], [1, 1.5],
];

// The running example, continued with seeded features: −2y·x₁ at w = 0, b = 0, y = 2x₁ − x₂ + 1.
const population = memo((num_examples) => {
  const random = mulberry32(0), gradients = [];
  for (let i = 0; i < num_examples; i++) {
    const [x1, x2] = FIRST[i] ?? [3 * random(), 2 * random()];
    gradients.push(-2 * (2 * x1 - x2 + 1) * x1);
  }
  let sum = 0, squares = 0;
  for (const gradient of gradients) sum += gradient;
  const mean = sum / num_examples;
  for (const gradient of gradients) squares += (gradient - mean) * (gradient - mean);
  return { gradients, mean, variance: squares / num_examples };
});

// Batch gradients, and after each draw their mean squared distance from the full gradient.
const observe = memo((num_examples, batch_size, sampling, seed) => {
  const { gradients, mean } = population(num_examples), order = integers(0, num_examples - 1);
  const random = mulberry32(seed * 2048 + batch_size), drawn = [], spread = [];
  let squares = 0;
  for (let t = 1; t <= DRAWS; t++) {
    let sum = 0;
    for (let i = 0; i < batch_size; i++) {
      if (sampling === "with") sum += gradients[Math.floor(random() * num_examples)];
      else {
        const j = i + Math.floor(random() * (num_examples - i)), chosen = order[j];
        order[j] = order[i];
        order[i] = chosen;
        sum += gradients[chosen];
      }
    }
    const gradient = sum / batch_size;
    squares += (gradient - mean) * (gradient - mean);
    drawn.push(gradient);
    spread.push(squares / t);
  }
  return { drawn, spread };
});

// The variance that theory gives, and the batch size that theory needs to reach a variance.
function law({ num_examples }, sampling, batch_size) {
  const independent = population(num_examples).variance / batch_size;
  return sampling === "with" ? independent
    : (independent * (num_examples - batch_size)) / (num_examples - 1);
}
function needed({ num_examples, sampling }, goal) {
  const { variance } = population(num_examples);
  const size = sampling === "with" ? variance / goal
    : (variance * num_examples) / (goal * (num_examples - 1) + variance);
  return Math.ceil(size - 1e-9);
}

export function simulate(state) {
  const { num_examples, batch_size, sampling, seed } = state;
  return { ...observe(num_examples, batch_size, sampling, seed),
    with_replacement: law(state, "with", batch_size),
    without_replacement: law(state, "without", batch_size) };
}

export function describe(state) {
  const { num_examples, batch_size, sampling, draws } = state, solution = simulate(state);
  const truth = law(state, sampling, batch_size);
  const laws = sampling === "with"
    ? `The law σ²/B gives ${fixed(truth)}.`
    : `The law σ²/B · (N − B)/(N − 1) gives ${fixed(truth)}; ` +
      `σ²/B alone would give ${fixed(solution.with_replacement)}.`;
  const drawn = draws === 0
    ? "No batch is drawn yet."
    : `${draws} ${draws === 1 ? "batch" : "batches"} of ${batch_size} drawn from ` +
      `${num_examples} examples ${sampling} replacement: ` +
      `${draws === 1 ? "the square of its error" : "the variance of their gradients"} is ${fixed(solution.spread[draws - 1])}.`;
  const cost = truth === 0 ? "A batch of everything has no error."
    : `One batch is off by ±${fixed(Math.sqrt(truth))}; half of that needs ` +
      `B = ${needed(state, truth / 4)}, a tenth needs B = ${needed(state, truth / 100)}.`;
  return `${drawn} ${laws} ${cost}`;
}

// ---- picture ----

function frame(width) {
  const wide = width >= 560, half = wide ? width * 0.45 : width, height = wide ? 264 : 170;
  const chart = { left: wide ? half + 48 : 36, right: width - 38, top: wide ? 42 : height + 122 };
  chart.bottom = wide ? height : chart.top + 200;
  const across = (chart.right - chart.left) / 10, up = (chart.bottom - chart.top) / 4;
  return { height: chart.bottom + (wide ? 62 : 40), chart,
    panel: { left: 4, right: half - 4, top: 44, bottom: height },
    gradient: (value) => 4 + ((half - 8) * (value + 46)) / 50,
    size: (value) => chart.left + across * Math.log2(value),
    variance: (value) =>
      Math.min(chart.bottom, chart.top + up * (2.6 - Math.log10(Math.max(value, 1e-9)))) };
}

// Left: the gradients drawn so far, the normal curve of their law, and both typical errors.
function histogram(state, place) {
  const { num_examples, draws, batch_size, sampling } = state;
  const { drawn, spread } = simulate(state), { mean } = population(num_examples);
  const { panel: { left, right, top, bottom }, gradient } = place;
  const error = Math.sqrt(law(state, sampling, batch_size));
  const counts = Array(50).fill(0);
  for (const value of drawn.slice(0, draws)) counts[Math.min(49, Math.floor(value + 46))] += 1;
  const peak = (0.39894 * draws) / error;
  const normal = (value) => peak * Math.exp(-0.5 * ((value - mean) / error) ** 2);
  const most = Math.max(1, ...counts, error && peak);
  const height = (count) => (count * (bottom - top)) / most;
  const bars = counts.map((count, i) => count &&
    `<rect class="bar vermillion" x="${px(gradient(i - 46) + 0.5)}" ` +
    `y="${px(bottom - height(count))}" width="${px(gradient(1) - gradient(0) - 1)}" ` +
    `height="${px(height(count))}"/>`);
  const curve = integers(-45, 45).map((i) => mean + (i / 15) * error)
    .filter((value) => value > -46 && value < 4)
    .map((value) => [gradient(value), bottom - height(normal(value))]);
  const bracket = (kind, y, size, name) => {
    const ends = [mean - size, mean + size].map(gradient);
    return line(kind, ...ends.flatMap((x, i) => [[x, y - 5 + 10 * i], [x, y], [x, y + 5 - 10 * i]])) +
      words(left, y + 4, `${name} ±${fixed(size)}`);
  };
  const title = `Gradient of w₁ in ${draws} ${draws === 1 ? "batch" : "batches"} of ${batch_size}`;
  return words(left, 14, title, "strong") +
    words(left, 30, "curve: normal, with the variance of the law", "soft") +
    line("soft", [left, bottom], [right, bottom]) + bars.filter(Boolean).join("") +
    line("blue", [gradient(mean), top], [gradient(mean), bottom]) +
    words(gradient(mean) - 6, top + 8, "full gradient", "soft", "end") +
    (draws && error ? line("thin ink", ...curve) : "") +
    [-40, -30, -20, -10, 0].map((tick) =>
      words(gradient(tick), bottom + 16, fixed(tick, 0), "soft", "middle")).join("") +
    bracket("blue", bottom + 34, error, "law") +
    (draws ? bracket("vermillion", bottom + 54, Math.sqrt(spread[draws - 1]), "drawn") : "");
}

const grid = memo((width) => {
  const { chart: { left, right, top, bottom }, size, variance } = frame(width);
  return words(left - 32, top - 28, "Their variance, at every batch size", "strong") +
    words(left - 32, top - 10, "variance", "soft") +
    words(right + 36, top - 10, "error", "soft", "end") +
    [[100, 10], [10, 3.2], [1, 1], [0.1, 0.3]].map(([tick, error]) =>
      line("soft", [left, variance(tick)], [right, variance(tick)]) +
      words(left - 6, variance(tick) + 4, tick, "soft", "end") +
      words(right + 36, variance(tick) + 4, `±${error}`, "soft", "end")).join("") +
    [1, 4, 16, 64, 256, 1024].map((tick) => line("soft", [size(tick), top], [size(tick), bottom]) +
      words(size(tick), bottom + 16, tick, "soft", "middle")).join("") +
    words(right, bottom + 34, "batch size B →", "soft", "end");
});

// Right: both laws over every batch size, the variance drawn at each, and the price of a digit.
function laws(state, place) {
  const { num_examples, batch_size, sampling, seed, draws } = state;
  const { chart, size, variance } = place, sigma = population(num_examples).variance;
  const end = size(num_examples), tight = chart.right - end < 128;
  const kind = (name) => (name === sampling ? "blue strong" : "blue dashed");
  const curve = integers(0, 200).map((i) => num_examples ** (i / 200))
    .map((value) => [size(value), variance(law(state, "without", value))]);
  const digit = line("thin ink", [size(1), variance(sigma) - 6], [size(1), chart.top + 22],
    [size(100), chart.top + 22], [size(100), variance(sigma / 100) - 4]) +
    words((size(1) + size(100)) / 2, chart.top + 16, "100 × B: error ÷ 10", "soft", "middle");
  const specks = SIZES.map((value) => value > num_examples || !draws ? "" :
    mark(value === batch_size ? "dot" : "speck", "vermillion", size(value),
      variance(observe(num_examples, value, sampling, seed).spread[draws - 1])));
  return line("thin ink", [size(batch_size), chart.top + 26], [size(batch_size), chart.bottom]) + digit +
    line(kind("with"), [size(1), variance(sigma)], [size(1024), variance(sigma / 1024)]) +
    line(kind("without"), ...curve) + words(size(210), variance(sigma / 210) - 8, "σ²/B") +
    words(tight ? end - 14 : end + 6, chart.bottom - 7, "σ²/B·(N−B)/(N−1)", "",
      tight ? "end" : "start") +
    specks.join("");
}

export function draw(state, width) {
  const place = frame(width);
  return { height: Math.ceil(place.height),
    layers: [grid(width), laws(state, place), histogram(state, place)] };
}

export function drag(x, y, { num_examples }, width) {
  const { chart, size } = frame(width);
  if (x < chart.left - 12 || y < chart.top) return {};
  const away = (value) => Math.abs(size(value) - x);
  return { batch_size: SIZES.filter((value) => value <= num_examples)
    .reduce((best, value) => (away(value) < away(best) ? value : best)) };
}

export function table(state) {
  const solution = simulate(state), { batch_size, draws, sampling } = state;
  const ruler = (name) => key("rule", name === sampling ? "blue" : "blue dashed");
  const shown = (variance) => [fixed(variance), `±${fixed(Math.sqrt(variance))}`];
  const row = (name, variance) => [name, ...(variance === undefined ? ["–", "–"] : shown(variance))];
  return { head: [`Batches of ${batch_size}`, "variance", "error"], rows: [
    row(`${ruler("with")}With replacement: σ²/B`, solution.with_replacement),
    row(`${ruler("without")}Without: σ²/B · (N − B)/(N − 1)`, solution.without_replacement),
    row(`${key("dot", "vermillion")}Drawn, ${draws} ${draws === 1 ? "batch" : "batches"}`, solution.spread[draws - 1]),
  ] };
}

export default explorable({
  title: "How fast the noise falls",
  defaults: DEFAULTS, controls: CONTROLS, views: VIEWS, draw, drag, describe, table,
  question: "Make every batch 4 times larger. " +
    "By how much does the typical error of its gradient shrink?",
  answers: [
    ["By 4",
      "The variance falls by 4, but the error is its square root: it only halves. " +
      "A tenth of the error costs 100 times the batch."],
    ["By 2",
      "Yes: the variance falls by 4, the error by its square root. When B comes near N " +
      "without replacement it falls faster, and at B = N there is none left."],
    ["Not at all: every example is as noisy as before",
      "Each example is, but their errors differ in sign and cancel in the mean. " +
      "Watch the drawn gradients close in as B grows."],
  ],
});
