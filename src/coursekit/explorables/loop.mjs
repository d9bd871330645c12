import { explorable, fixed, integers, key, line, mark, memo, mulberry32, px, words } from "./core.mjs";

// One epoch of the running example, update by update: order, batch, errors, gradient, losses.

const FEATURES = [[1, 0.5], [2, 1], [0.5, 2], [1.5, 0.5], [3, 1.5], [0.5, 0.5], [2.5, 2], [1, 1.5]];
const TARGETS = FEATURES.map(([first, second]) => 2 * first - second + 1);
const NUMPY_42 = [1, 5, 0, 7, 2, 4, 3, 6]; // what NumPy's RandomState(42).permutation(8) gives
const EVERYONE = integers(0, 7);

export const DEFAULTS = { batch_size: 2, learning_rate: 0.05, seed: 590, read: 8 };
export const CONTROLS = [
  { key: "batch_size", label: "Batch size B", values: [1, 2, 3, 4, 8] },
  { key: "learning_rate", label: "Learning rate η", values: [0.01, 0.02, 0.05, 0.1, 0.15, 0.2, 0.3] },
  { key: "seed", again: "New shuffle", values: integers(0, 999) },
  { key: "read", label: "Examples read", of: true, play: "One step", values: ({ batch_size }) => ends(batch_size) },
];
export const VIEWS = { loop: {}, "loop-seed-42": { seed: 42 } };

// ---- simulation, mirrored in loop.py ----

// How many examples have been read after each step: 0, B, 2B, … and 8 even if the last batch is short.
const ends = (batch_size) => [...integers(0, Math.ceil(8 / batch_size) - 1).map((step) => step * batch_size), 8];

function shuffled(seed) {
  if (seed === 42) return NUMPY_42;
  const order = [...EVERYONE], random = mulberry32(seed);
  for (let i = 7; i > 0; i--) {
    const j = Math.floor(random() * (i + 1));
    [order[i], order[j]] = [order[j], order[i]];
  }
  return order;
}

// Errors of all eight examples, and mean loss and gradient of the chosen ones: of w₁, w₂ and b.
const errorsAt = ([first, second, bias]) =>
  FEATURES.map(([x, y], i) => first * x + second * y + bias - TARGETS[i]);
function meanOf(errors, chosen) {
  let loss = 0, first = 0, second = 0, bias = 0;
  for (const i of chosen) {
    loss += errors[i] * errors[i];
    first += 2 * errors[i] * FEATURES[i][0];
    second += 2 * errors[i] * FEATURES[i][1];
    bias += 2 * errors[i];
  }
  const count = chosen.length;
  return { loss: loss / count, gradient: [first / count, second / count, bias / count] };
}
const move = (params, rate, gradient) => params.map((value, k) => value - rate * gradient[k]);

export function simulate({ batch_size, learning_rate, seed }) {
  const order = shuffled(seed), steps = [];
  let params = [0, 0, 0], errors = errorsAt(params), full = meanOf(errors, EVERYONE);
  const single = move(params, learning_rate, full.gradient);
  for (let from = 0; from < 8; from += batch_size) {
    const batch = order.slice(from, from + batch_size), { loss, gradient } = meanOf(errors, batch);
    steps.push({ batch, params, errors, loss, gradient, full_loss: full.loss, full_gradient: full.gradient });
    params = move(params, learning_rate, gradient);
    errors = errorsAt(params);
    full = meanOf(errors, EVERYONE);
  }
  return { order, steps, params, errors, full_loss: full.loss, single, single_loss: meanOf(errorsAt(single), EVERYONE).loss };
}
const solve = memo((batch_size, learning_rate, seed) => simulate({ batch_size, learning_rate, seed }));
// What is shown: the epoch, how many steps are done, the step just taken and where it led.
function shownIn(state) {
  const epoch = solve(state.batch_size, state.learning_rate, state.seed), { steps } = epoch;
  const done = ends(state.batch_size).indexOf(state.read);
  return { epoch, done, now: steps[done - 1], at: steps[done] ?? epoch };
}

export function describe(state) {
  const { epoch, done, now, at } = shownIn(state), { steps } = epoch;
  const order = `Order ${epoch.order.join(" ")}${state.seed === 42 ? ", from NumPy’s seed 42" : ""}.`;
  if (!done) return `${order} No example is read yet; the full loss is ${fixed(at.full_loss)}.`;
  const one = now.batch.length === 1, all = now.batch.length === 8;
  const who = all ? "all eight examples" : `example${one ? "" : "s"} ${now.batch.join(", ")}`;
  const step = `Step ${done} of ${steps.length} reads ${who}: batch loss ${fixed(now.loss)}; ` +
    `it takes the full loss from ${fixed(now.full_loss)} to ${fixed(at.full_loss)}.`;
  const peak = Math.max(...steps.map((step) => step.full_loss), epoch.full_loss), start = steps[0].full_loss;
  const end = done < steps.length ? "" : peak > start ?
    ` Too fast: the full loss rose to ${fixed(peak)}, above its start of ${fixed(start)}. A smaller learning rate brings it back.` :
    all ? " That is one full-batch step, and the whole epoch." :
    ` The epoch ends at ${fixed(at.full_loss)}; one full-batch step at the same rate ends at ${fixed(epoch.single_loss)}.`;
  return `${order} ${step}${end}`;
}

// ---- picture: all but the gradient share one axis, the examples read ----

const TOP = 22, ERRORS = 80, SCALE = 7, LOSSES = 186, HEIGHT = 128, BARS = 394;
const MOST = 64; // a loss above that is cut off and written as a number

const frame = (width) => {
  const left = 36, right = width - 8, cell = (right - left) / 8;
  return { left, right, cell, x: (read) => left + cell * read };
};
const box = (kind, x, y, width, height, radius = 0) =>
  `<rect class="${kind}" x="${px(x)}" y="${px(y)}" width="${px(width)}" height="${px(height)}" rx="${radius}"/>`;
const legend = (y, title, entries) => words(0, y, title, "soft") +
  entries.map(([shape, kind, x, name]) => mark(shape, kind, x, y - 4) + words(x + 11, y, name, "soft")).join("");

function strip({ epoch, now }, { batch_size, read }, { x, cell }) {
  return words(0, 12, "the epoch’s order, cut into batches", "soft") + epoch.order.map((example, k) => {
    const current = now?.batch.includes(example), gap = k % batch_size ? 1 : 4, middle = x(k) + (cell + gap - 1) / 2;
    return box(current ? "filled vermillion" : k < read ? "bar vermillion" : "empty", x(k) + gap, TOP, cell - gap - 1, 28, 4) +
      words(middle, TOP + 19, example, current ? "on-vermillion" : k < read ? "" : "soft", "middle");
  }).join("");
}

function errorBars({ epoch, now, at }, { left, right, x, cell }) {
  const { errors } = now ?? at, zero = ERRORS + 40;
  return words(0, ERRORS, `errors ${now ? "before the step" : "at the start"}`, "soft") + line("soft", [left, zero], [right, zero]) +
    epoch.order.map((example, k) => {
      const error = errors[example], current = now?.batch.includes(example);
      const height = SCALE * Math.min(Math.abs(error), error < 0 ? 6 : 3);
      return box(current ? "filled vermillion" : "bar ink", x(k) + cell / 4, error < 0 ? zero : zero - height, cell / 2, height) +
        words(x(k + 0.5), error < 0 ? zero + height + 13 : zero - height - 4, fixed(error, Math.abs(error) < 9.95 ? 1 : 0), current ? "" : "soft", "middle");
    }).join("");
}

function lossCurves({ epoch, done }, { batch_size, read }, { left, right, cell, x }) {
  const { steps, single_loss } = epoch, reads = ends(batch_size), path = [...steps.map((step) => step.full_loss), epoch.full_loss];
  const most = Math.min(MOST, Math.max(11, single_loss, ...path, ...steps.map(({ loss }) => loss)));
  const bottom = LOSSES + 26 + HEIGHT, y = (loss) => bottom - HEIGHT * Math.min(1.04, loss / most);
  const gap = most > 40 ? 20 : most > 20 ? 10 : most > 12 ? 5 : 2;
  const grid = integers(0, Math.floor(most / gap)).map((n) => line("soft", [left, y(n * gap)], [right, y(n * gap)]) +
    words(left - 6, y(n * gap) + 4, n * gap, "soft", "end")).join("") +
    integers(0, 8).map((n) => words(x(n), bottom + 16, n, "soft", "middle")).join("") +
    words(right, bottom + 32, "examples read →", "soft", "end") +
    legend(LOSSES, "loss of", [["square", "vermillion", 56, "the batch"], ["dot", "ink", 136, "all eight"], ["ring", "blue", 210, "full step"]]);
  const stairs = [[left, y(path[0])], ...reads.slice(1, done + 1).flatMap((end, k) => [[x(end), y(path[k])], [x(end), y(path[k + 1])]])];
  const batches = steps.slice(0, done).map(({ loss }, k) => {
    const middle = (x(reads[k]) + x(reads[k + 1])) / 2, level = y(loss), room = level - y(path[k]), crowded = cell < 50 && batch_size === 1;
    const text = loss <= most ? fixed(loss, batch_size > 1 ? 2 : 1) : crowded && k < done - 1 ? "↑" : `↑ ${fixed(loss, 0)}`;
    return line("vermillion strong", [x(reads[k]) + 3, level], [x(reads[k + 1]) - 3, level]) + mark("square", "vermillion", middle, level) +
      words(Math.min(middle, right + 6 - 4 * text.length), level + (room > 0 && room < 24 && level < bottom - 14 ? 18 : -9), text, k === done - 1 ? "strong" : "soft", "middle");
  }).join("");
  const single = [[left, y(path[0])], [x(read), y(path[0])], ...(read === 8 ? [[right, y(single_loss)]] : [])];
  return [grid, line("dashed blue", ...single) + (read === 8 ? mark("ring", "blue", ...single[2]) : "") +
    line("halo", ...stairs) + line("ink", ...stairs) + mark("dot", "ink", ...stairs.at(-1)) + batches];
}

function gradientBars({ epoch, now }, { left, right }) {
  const all = epoch.steps.flatMap(({ gradient, full_gradient }) => [...gradient, ...full_gradient]);
  const low = Math.min(0, ...all), unit = (right - left - 92) / (Math.max(0, ...all) - low), zero = left + 46 - low * unit;
  const bars = (kind, y, value) => box(kind, zero + Math.min(0, value * unit), y, Math.abs(value * unit), 11) +
    words(zero + value * unit + (value < 0 ? -5 : 5), y + 10, fixed(value, Math.abs(value) < 999.5 ? 2 : 0), "soft", value < 0 ? "end" : "start");
  return legend(BARS, "gradient of", [["square", "vermillion", 84, "the batch"], ["square", "blue", 164, "all eight"]]) +
    ["w₁", "w₂", "b"].map((name, k) => words(0, BARS + 30 + 34 * k, name) +
      (now ? bars("filled vermillion", BARS + 14 + 34 * k, now.gradient[k]) + bars("filled blue", BARS + 28 + 34 * k, now.full_gradient[k]) : "")).join("") +
    line("soft", [zero, BARS + 10], [zero, BARS + 112]);
}

export function draw(state, width) {
  const shown = shownIn(state), place = frame(width), [grid, curves] = lossCurves(shown, state, place);
  return { height: BARS + 116, layers: [grid, strip(shown, state, place), errorBars(shown, place), curves, gradientBars(shown, place)] };
}

// A place in the picture stands for the step that reads the example under it.
function drag(x, y, { batch_size }, width) {
  const { left, cell } = frame(width);
  return y < BARS - 20 ? { read: ends(batch_size).find((read) => left + cell * read >= x) ?? 8 } : {};
}

export function table(state) {
  const { epoch, now, at } = shownIn(state);
  const row = (name, values, loss) => [name, ...[...(values ?? ["–", "–", "–"]), loss ?? "–"].map((value) => (value === "–" ? value : fixed(value, Math.abs(value) < 100 ? 2 : 0)))];
  return { head: ["At this step", "w₁", "w₂", "b", "loss"], rows: [
    row("Before the step, all eight", (now ?? at).params, (now ?? at).full_loss),
    row(`${key("square", "vermillion")}Gradient of the batch`, now?.gradient, now?.loss),
    row(`${key("square", "blue")}Gradient of all eight`, now?.full_gradient, now?.full_loss),
    row(`${key("dot", "ink")}After the step, all eight`, now && at.params, now && at.full_loss),
    row(`${key("ring", "blue")}One full-batch step instead`, epoch.single, epoch.single_loss),
  ] };
}

export default explorable({
  name: "loop", title: "One epoch, update by update", defaults: DEFAULTS, controls: CONTROLS, views: VIEWS, draw, describe, table, drag,
  question: "Both ways read the eight examples once, at the same learning rate. Which ends lower: four noisy steps on batches of two, or one exact step on all eight?",
  answers: [
    ["The one exact step", "Its direction is better, but it is only one step. In no order of the examples do the four noisy ones end above it at this rate: step through and see how far each goes."],
    ["The four noisy steps", "Yes, at this rate in every order of the examples. Now compare the squares with the line: a batch loss can jump up in the very step that lowers the full loss."],
    ["About the same", "Not here. The four noisy steps get about as far as four exact ones would, and those would read every example four times."],
  ],
});
