import { explorable, fixed, integers, key, line, mark, memo, mulberry32, px, words } from "./core.mjs";

// What does the order of the examples do to the path? Two classes, stored one after the other.

const N = 64, EPOCHS = 4, TOTAL = N * EPOCHS, BUFFER = 16, FAR = 1e6;
const NAMES = { sorted: "Sorted", once: "Shuffled once", fresh: "Reshuffled", with: "With replacement", buffer: `Buffer of ${BUFFER}` };

export const DEFAULTS = { order: "sorted", batch_size: 4, learning_rate: 0.1, seed: 217, seen: TOTAL };
export const CONTROLS = [
  { key: "order", label: "Order", values: Object.keys(NAMES), names: Object.values(NAMES) },
  { key: "batch_size", label: "Batch size B", values: [1, 2, 4, 8, 16, 32, 64] },
  { key: "learning_rate", label: "Learning rate η", values: [0.01, 0.02, 0.05, 0.1, 0.2, 0.4, 0.8, 1.2] },
  { key: "seed", again: "New shuffle", values: integers(0, 999) },
  { key: "seen", label: "Examples used", of: true, play: "One batch",
    values: ({ batch_size }) => integers(0, TOTAL / batch_size).map((step) => step * batch_size) },
];
export const VIEWS = { shuffle: {}, "shuffle-buffer": { order: "buffer" } };

// ---- simulation, mirrored in shuffle.py ----

// 32 points of class −1 around −0.8, then their mirror images of class +1.
const POINTS = (() => {
  const random = mulberry32(8), half = [];
  for (let i = 0; i < N / 2; i++) {
    let sum = -2;
    for (let k = 0; k < 4; k++) sum += random();
    half.push(sum * Math.sqrt(3) - 0.8);
  }
  return [...half, ...half.map((point) => -point)];
})();
const label = (i) => (i < N / 2 ? -1 : 1);
const BEST = (() => {
  let products = 0, squares = 0;
  POINTS.forEach((point, i) => {
    products += point * label(i);
    squares += point * point;
  });
  return [products / squares, 0];
})();

function shuffled(items, random) {
  const order = [...items];
  for (let i = order.length - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1));
    [order[i], order[j]] = [order[j], order[i]];
  }
  return order;
}

function throughBuffer(random) {
  const buffer = integers(0, BUFFER - 1), order = [];
  for (let item = BUFFER; item < N; item++) {
    const place = Math.floor(random() * BUFFER);
    order.push(buffer[place]);
    buffer[place] = item;
  }
  return [...order, ...shuffled(buffer, random)];
}

function arrange(order, seed) {
  const random = mulberry32(seed), stored = integers(0, N - 1), once = shuffled(stored, random);
  const epoch = {
    sorted: () => stored,
    once: () => once,
    fresh: () => shuffled(stored, random),
    with: () => stored.map(() => Math.floor(random() * N)),
    buffer: () => throughBuffer(random),
  }[order];
  return integers(1, EPOCHS).flatMap(epoch);
}

// Beyond all bounds the path stands still.
const diverged = ([w, b]) => Math.abs(w) > FAR || Math.abs(b) > FAR;
const solve = memo((order, batch_size, learning_rate, seed) => {
  const used = arrange(order, seed), path = [[0, 0]];
  let [w, b] = path[0];
  for (let from = 0; from < TOTAL; from += batch_size) {
    let slopeW = 0, slopeB = 0;
    for (const i of used.slice(from, from + batch_size)) {
      const error = w * POINTS[i] + b - label(i);
      slopeW += 2 * error * POINTS[i];
      slopeB += 2 * error;
    }
    if (!diverged([w, b])) {
      w -= (learning_rate * slopeW) / batch_size;
      b -= (learning_rate * slopeB) / batch_size;
    }
    path.push([w, b]);
  }
  return { used, path };
});
const rival = memo((...choice) => solve(...choice));
export const simulate = ({ order, batch_size, learning_rate, seed }) =>
  solve(order, batch_size, learning_rate, seed);

// Mean squared error on class −, on class +, and on both.
function losses([w, b]) {
  const sums = [0, 0];
  POINTS.forEach((point, i) => {
    const error = w * point + b - label(i);
    sums[i < N / 2 ? 0 : 1] += error * error;
  });
  return [sums[0] / (N / 2), sums[1] / (N / 2), (sums[0] + sums[1]) / N];
}

// How far b swings to and fro in the last 64 examples, once there are as many.
function swing(path, { seen, batch_size }) {
  if (seen < N || diverged(path[seen / batch_size])) return null;
  const biases = path.slice((seen - N) / batch_size, seen / batch_size + 1).map(([, b]) => b);
  return Math.max(...biases) - Math.min(...biases);
}

// How often each example was used in the epoch that is shown.
function counts(used, seen) {
  const epoch = Math.max(0, Math.ceil(seen / N) - 1), times = POINTS.map(() => 0);
  for (const i of used.slice(epoch * N, seen)) times[i] += 1;
  return { epoch, times };
}
const number = (value) => (Math.abs(value) < 1000 ? fixed(value) : "over 1000");

export function describe(state) {
  const { used, path } = simulate(state), { order, batch_size, learning_rate, seen } = state;
  const how = `${NAMES[order]}, batches of ${batch_size}, learning rate ${learning_rate}.`;
  if (seen === 0) return `${how} No batch is used yet; the path starts at w = 0, b = 0.`;
  const point = path[seen / batch_size], [minus, plus, both] = losses(point);
  const { epoch, times } = counts(used, seen), wide = swing(path, state);
  const covered = times.filter((count) => count > 0).length, more = times.filter((count) => count > 1).length;
  const error = `After ${seen} example${seen === 1 ? "" : "s"} the mean squared error is ${number(minus)} on class −, ` +
    `${number(plus)} on class + and ${number(both)} on both; the best line has ${fixed(losses(BEST)[2])} on both.`;
  const moved = wide === null ? "" : ` In the last ${N} examples b swung over a range of ${number(wide)}.`;
  const cover = ` Epoch ${epoch + 1} has used ${covered} of ${N} examples so far` +
    `${more ? `, ${more} of them more than once` : ""}.`;
  return `${how} ${error}${moved}${cover}` +
    (diverged(point) ? " The path has diverged; a smaller learning rate brings it back." : "");
}

// ---- picture: b across, w up; below it the batches of the epoch, and who was used how often ----

function frame(width) {
  const left = 34, right = width - 8, top = 8, scale = (right - left) / 2.4, up = Math.max(200, scale);
  const bottom = top + 1.15 * up;
  return { left, right, top, bottom, scale, up, width: right - left,
    at: ([w, b]) => [left + scale * (b + 1.2), bottom - up * (w + 0.15)] };
}

const plane = memo((width) => {
  const { left, right, top, bottom, scale, up, at } = frame(width), squares = POINTS.reduce((sum, point) => sum + point * point, 0) / N;
  const [x, y] = at(BEST);
  const hills = [0.2, 0.4, 0.6, 0.8, 1].map((radius) => `<ellipse class="line soft" cx="${px(x)}" cy="${px(y)}" ` +
    `rx="${px(radius * scale)}" ry="${px((radius / Math.sqrt(squares)) * up)}"/>`).join("");
  const across = [-1, -0.5, 0, 0.5, 1].map((tick) => line("soft", [at([0, tick])[0], bottom], [at([0, tick])[0], bottom + 4]) +
    words(at([0, tick])[0], bottom + 17, fixed(tick, 1), "soft", "middle")).join("");
  const along = [0, 0.5].map((tick) => words(left - 6, at([tick, 0])[1] + 4, fixed(tick, 1), "soft", "end")).join("");
  return `${within(width, hills)}${line("soft", [left, bottom], [right, bottom])}${across}${along}` +
    words(left + 4, top + 12, "↑ w", "soft") + words(right, bottom + 33, "b →", "soft", "end");
});
// What is drawn inside ends where the plane ends.
function within(width, inside) {
  const { left, right, top, bottom } = frame(width), box = [left, top, right - left, bottom - top].map(px);
  return `<svg x="${box[0]}" y="${box[1]}" width="${box[2]}" height="${box[3]}" viewBox="${box.join(" ")}">${inside}</svg>`;
}

function paths(state, width) {
  const { at, top, bottom, right } = frame(width), { order, batch_size, learning_rate, seed, seen } = state;
  const steps = seen / batch_size, other = order === "fresh" ? "sorted" : "fresh";
  const shown = ({ path }) => path.slice(0, steps + 1).map(([w, b]) => at([Math.max(-9, Math.min(9, w)), Math.max(-9, Math.min(9, b))]));
  const mine = shown(simulate(state)), theirs = shown(rival(other, batch_size, learning_rate, seed));
  const now = mine.slice(Math.max(0, steps - N / batch_size)); // the last 64 examples; what came before is drawn thin
  const dots = batch_size > 1 ? now.map(([x, y]) => mark("speck", "vermillion", x, y)).join("") : "";
  const [x, y] = mine.at(-1), outside = y < top || y > bottom || x > right || x < 34;
  const pull = (side) => mark("cross", "ink", ...at([0, side])) +
    words(at([0, side])[0], at([0, side])[1] - 12, `best for ${side < 0 ? "−" : "+"}${width < 300 ? "" : " alone"}`, "soft", side < 0 ? "start" : "end");
  return [pull(-1) + pull(1),
    within(width, line("thin ink", ...theirs) + line("thin vermillion", ...mine) + line("halo", ...now) + line("vermillion", ...now) +
      dots + mark("ring", "blue", ...at(BEST)) + mark("square", "ink", ...theirs.at(-1)) + mark("dot", "vermillion", x, y)) +
    (outside ? words(right, top + 12, "the path has left the picture", "strong", "end") : "")];
}

const box = (kind, x, y, width, height) =>
  `<rect class="${kind}" x="${px(x)}" y="${px(y)}" width="${px(width)}" height="${px(height)}"/>`;
const HEIGHT = 36, BLOCK = 9;

function strips(state, width) {
  const { left, right, bottom, width: wide } = frame(width), { batch_size, seen } = state;
  const { used } = simulate(state), { epoch, times } = counts(used, seen);
  const top = bottom + 60, size = (wide / N) * batch_size, floor = top + HEIGHT + 28 + 4 * BLOCK;
  const bars = integers(0, N / batch_size - 1).map((step) => {
    const from = epoch * N + step * batch_size, batch = from < seen ? used.slice(from, from + batch_size) : [];
    const share = batch.filter((i) => label(i) > 0).length / batch_size, x = left + step * size, gap = Math.min(3, size / 4);
    const kind = from + batch_size === seen ? "filled" : "bar";
    return batch.length ? box(`${kind} vermillion`, x, top, size - gap, HEIGHT * share) +
      box(`${kind} ink`, x, top + HEIGHT * share, size - gap, HEIGHT * (1 - share)) : box("empty", x, top, size - gap, HEIGHT);
  }).join("");
  const blocks = times.map((count, i) => integers(1, Math.min(4, count)).map((block) =>
    box("bar ink", left + (i * wide) / N, floor - block * BLOCK, wide / N - 1, BLOCK - 1)).join("")).join("");
  return words(0, top - 8, `epoch ${epoch + 1}, batch by batch, class + on top`, "soft") + bars +
    words(0, top + HEIGHT + 22, "how often each example was used", "soft") + blocks +
    line("soft", [left, floor], [right, floor]) + line("soft", [left + wide / 2, floor], [left + wide / 2, floor + 6]) +
    words(left + wide / 4, floor + 16, "class −", "soft", "middle") + words(left + (3 * wide) / 4, floor + 16, "class +", "soft", "middle");
}

export function draw(state, width) {
  const { bottom } = frame(width);
  return { height: Math.ceil(bottom + 60 + HEIGHT + 28 + 4 * BLOCK + 24),
    layers: [plane(width), ...paths(state, width), strips(state, width)] };
}

export function table(state) {
  const { order, batch_size, learning_rate, seed, seen } = state, other = order === "fresh" ? "sorted" : "fresh";
  const row = (name, point, wide) => [name, ...losses(point).map(number), wide === null ? "–" : number(wide)];
  const { path } = simulate(state), { path: theirs } = rival(other, batch_size, learning_rate, seed), step = seen / batch_size;
  return { head: ["mean squared error", "on −", "on +", "both", "swing of b"], rows: [
    row(`${key("dot", "vermillion")}${NAMES[order]}`, path[step], swing(path, state)),
    row(`${key("square", "ink")}${NAMES[other]} instead`, theirs[step], swing(theirs, state)),
    row(`${key("ring", "blue")}Best line`, BEST, null),
  ] };
}

export default explorable({
  name: "shuffle", title: "What the order of the examples does", defaults: DEFAULTS, controls: CONTROLS, views: VIEWS, draw, describe, table,
  question: "The file holds 32 examples of class −, then 32 of class +. Trained in this order for four epochs, where does the path of w and b go?",
  answers: [
    ["To the best line, by a detour", "It passes near it twice an epoch and does not stay. A smaller learning rate makes the detours smaller, never zero."],
    ["To and fro between the classes", "Yes. While it sees only class −, it walks toward what is best for − alone, then back. Now choose “Reshuffled”: every batch pulls both ways, and the swing of b shrinks."],
    ["To one class and stays there", "For half an epoch, yes: that is what it has forgotten by the end of the other half. Step through the batches and watch the two errors in the table."],
  ],
});
