import { explorable, fixed, integers, key, line, mark, memo, mulberry32, px, words } from "./core.mjs";

// How can a softmax be right that never sees its whole row? 64 scores are read tile by tile.

const KEYS = 64, HALF_MAX = 65504; // the largest number of half precision
export const DEFAULTS = { tile: 8, method: "correct", seed: 9, read: KEYS };
export const CONTROLS = [
  { key: "tile", label: "Keys in a tile", values: [1, 2, 4, 8, 16, 32, 64] },
  { key: "method", label: "When a larger score comes", values: ["correct", "keep", "raw"],
    names: ["correct the sums", "leave the sums", "never subtract it"] },
  { key: "seed", again: "New draws", values: integers(0, 999) },
  { key: "read", label: "Keys read:", of: true, play: "Read a tile",
    values: ({ tile }) => integers(0, KEYS / tile).map((i) => i * tile) },
];
export const VIEWS = { tiles: {}, "tiles-middle": { read: 24 }, "tiles-leave": { method: "keep" },
  "tiles-overflow": { method: "raw" } };

// ---- simulation, mirrored in tiles.py ----

// Scores count doublings and are whole: every weight is a power of 2 and every sum is exact.
function power(exponent) {
  let result = 1;
  for (let k = exponent; k > 0; k--) result *= 2;
  for (let k = exponent; k < 0; k++) result /= 2;
  return result;
}

const row = memo((seed) => {
  const random = mulberry32(seed), scores = [];
  for (let j = 0; j < KEYS; j++) scores.push(3 + Math.floor(5.5 * (random() + random() + random())));
  let highest = scores[0], total = 0, sum = 0;
  for (const score of scores) highest = Math.max(highest, score);
  scores.forEach((score, j) => {
    total += power(score - highest);
    sum += (j + 1) * power(score - highest);
  });
  return { scores, highest, total, output: sum / total };
});

// What is kept after each tile: largest score, sum of weights, output; and how it was corrected.
const solve = memo((tile, method, seed) => {
  const whole = row(seed), { scores } = whole, steps = [];
  let highest = null, total = 0, sum = 0, overflow = false;
  for (let start = 0; start < KEYS; start += tile) {
    let above = highest ?? scores[start];
    for (let j = start; j < start + tile; j++) above = Math.max(above, scores[j]);
    const rise = highest === null ? 0 : above - highest;
    const factor = method === "correct" ? power(-rise) : 1, shift = method === "raw" ? 0 : above;
    total *= factor;
    sum *= factor;
    for (let j = start; j < start + tile; j++) {
      total += power(scores[j] - shift);
      sum += (j + 1) * power(scores[j] - shift);
    }
    highest = above;
    overflow ||= total > HALF_MAX;
    steps.push({ highest, rise, factor, total: overflow ? null : total, output: overflow ? null : sum / total });
  }
  const { output } = steps.at(-1);
  return { ...whole, steps, off: output === null ? null : Math.abs(output - whole.output) };
});

export const simulate = ({ tile, method, seed }) => solve(tile, method, seed);

export function describe(state) {
  const { tile, method, read } = state, { highest, output, steps, off } = simulate(state), now = steps[read / tile - 1];
  const truth = fixed(output), start = `Tiles of ${tile}, ${read} of ${KEYS} keys read.`;
  if (!now) return `${start} Nothing is known yet; the softmax over the whole row looks at position ${truth} on average.`;
  if (now.output === null) return `${start} The sum of the weights is larger than ${HALF_MAX}, the largest number of half precision: it is infinite, and the output is not a number. Subtract the largest score and it comes back.`;
  const middle = `Largest score ${now.highest}, sum ${fixed(now.total)}, output ${fixed(now.output)}.`;
  const rose = read > tile && now.rise > 0 ? ` The last tile raised the largest score by ${now.rise}: what was added up before ${method === "correct" ? `was multiplied by 1/${power(now.rise)}` : method === "keep" ? `should have been multiplied by 1/${power(now.rise)}, and was not` : "needs no factor, as long as nothing overflows"}.` : "";
  const end = read < KEYS ? ` The whole row has the output ${truth}.`
    : off === 0 && method === "keep" && tile < KEYS ? ` The output of the whole row is ${truth}: equal by luck. The first tile held the largest score, so there was nothing to correct.`
    : off === 0 ? ` The output of the whole row is ${truth}: equal to the last bit, and never more than ${tile} of the ${KEYS} scores were held.`
    : ` The output of the whole row is ${truth}: off by ${fixed(off)}, because keys read before the largest score, ${highest}, count too much.`;
  return `${start} ${middle}${rose}${end}`;
}

// ---- picture ----

const SCORES = 132, WEIGHTS = 274, AXIS = 334; // the zero of each part
function frame(width) {
  const left = 26, cell = (width - left - 6) / KEYS;
  return { left, cell, right: width - 6, x: (j) => left + cell * j, middle: (position) => left + cell * (position - 0.5) };
}
const bar = (kind, { x, cell }, j, zero, height) => height < 0.05 ? "" :
  `<rect class="${kind}" x="${px(x(j) + 0.15 * cell)}" y="${px(zero - height)}" width="${px(0.7 * cell)}" height="${px(height)}"/>`;

const grid = memo((width) => {
  const { left, right, middle } = frame(width);
  const rule = (y, text) => line("soft", [left, y], [right, y]) + words(left - 6, y + 4, text, "soft", "end");
  return [0, 5, 10, 15].map((score) => rule(SCORES - 5.5 * score, score)).join("") +
    rule(WEIGHTS, 0) + rule(WEIGHTS - 90, 1) + rule(AXIS, "") +
    [1, 16, 32, 48, 64].map((key) => line("soft", [middle(key), AXIS - 4], [middle(key), AXIS + 4]) +
      words(middle(key), AXIS + 46, key, "soft", key === 64 ? "end" : "middle")).join("") +
    words(left, AXIS + 62, "position of the key →", "soft");
});

function scoreBars({ scores, steps }, { tile, method, read }, place) {
  const path = [];
  steps.slice(0, read / tile).forEach(({ highest }, i) => {
    path.push([place.x(i * tile), SCORES - 5.5 * highest], [place.x((i + 1) * tile), SCORES - 5.5 * highest]);
  });
  const kind = (j) => j >= read ? "empty" : j >= read - tile ? "filled vermillion" : "bar ink";
  const doubles = place.right > 420 ? "scores: one more doubles the weight" : "scores";
  return words(0, 14, `${doubles}${read && method !== "raw" ? "; line: largest so far" : ""}`) +
    scores.map((score, j) => bar(kind(j), place, j, SCORES, 5.5 * score)).join("") +
    (path.length && method !== "raw" ? line("vermillion strong", ...path) : "");
}

function weightBars({ scores, highest, steps }, { tile, method, read }, place) {
  const raw = method === "raw", now = steps[read / tile - 1];
  const shift = (j) => raw ? 16 : method === "keep" ? steps[Math.floor(j / tile)].highest : now.highest;
  const bars = integers(0, read - 1).map((j) =>
    bar(j >= read - tile ? "filled vermillion" : "bar ink", place, j, WEIGHTS, 90 * Math.min(1.08, power(scores[j] - shift(j)))));
  const truth = raw ? "" : scores.map((score, j) => power(score - highest) < 0.05 ? "" :
    line("blue", [place.x(j), WEIGHTS - 90 * power(score - highest)], [place.x(j + 1), WEIGHTS - 90 * power(score - highest)])).join("");
  const title = raw ? "weights 2^score; 1 stands for 2^16, too large for half precision" : "weights; the blue lines are those of the whole row";
  return words(0, 162, place.right > 420 ? title : title.split(";")[0] + (raw ? ", 1 is 2^16: too large" : "; blue: of the whole row")) + bars.join("") + truth;
}

function outputs({ output, steps }, { tile, read }, { middle, right, left }) {
  const done = steps.slice(0, read / tile).map((step) => step.output), now = done.at(-1);
  const label = (x, y, text) => x > (left + right) / 2 ? words(x - 12, y, text, "strong", "end") : words(x + 12, y, text, "strong");
  const trail = done.slice(0, -1).map((value) => value === null ? "" : mark("speck", "vermillion hollow", middle(value), AXIS)).join("");
  return words(0, AXIS - 30, "output: the average position, by weight") + trail +
    mark("ring", "blue", middle(output), AXIS) + label(middle(output), AXIS - 12, `whole row ${fixed(output)}`) +
    (now === undefined ? "" : now === null ? words(left, AXIS + 24, "tiles: not a number", "strong")
      : mark("square", "vermillion", middle(now), AXIS) + label(middle(now), AXIS + 24, `tiles ${fixed(now)}`));
}

export function draw(state, width) {
  const solution = simulate(state), place = frame(width);
  return { height: AXIS + 68, layers: [grid(width), scoreBars(solution, state, place), weightBars(solution, state, place), outputs(solution, state, place)] };
}

// A place in the picture stands for the tile under it.
export function drag(x, y, { tile }, width) {
  const { left, cell } = frame(width), count = Math.ceil((x - left) / cell / tile);
  return { read: tile * Math.max(0, Math.min(KEYS / tile, count)) };
}

export function table(state) {
  const { tile, method, read } = state, { highest, total, output, steps } = simulate(state), now = steps[read / tile - 1];
  const shown = (value) => value === null ? "∞" : fixed(value);
  return { head: ["Scores", "largest", "sum", "output", "held"], rows: [
    [`${key("ring", "blue")}Of the whole row`, highest, fixed(total), fixed(output), KEYS],
    [`${key("square", "vermillion")}After ${read} keys`, ...(now ? [method === "raw" ? "–" : now.highest, shown(now.total), now.output === null ? "none" : fixed(now.output)] : ["–", "–", "–"]), tile],
    ["Last correction", "", now && read > tile && method !== "raw" ? `× ${method === "correct" && now.rise ? `1/${power(now.rise)}` : 1}` : "–", "", ""],
  ] };
}

export default explorable({
  title: "A softmax in one pass", defaults: DEFAULTS, controls: CONTROLS, views: VIEWS, draw, drag, describe, table,
  question: "64 scores come in tiles of 8, and each tile is forgotten once it is added up. Then a score comes that is larger than all before it. What about the sums so far?",
  answers: [
    ["They are lost: start again", "That would be a second pass. All weights so far are too large by one and the same factor, so one multiplication puts both sums right. Read tile by tile and watch the dark bars shrink together."],
    ["One multiplication puts them right", "Yes: every weight so far was measured against the old largest score, so all are too large by the same factor. Choose “leave the sums” to see what happens without it."],
    ["Nothing: why subtract the largest score at all?", "Choose “never subtract it”: the weights are powers of 2, and half precision ends at 65504, just below 2 to the 16. One score of 16 is enough for an infinite sum."],
  ],
});
