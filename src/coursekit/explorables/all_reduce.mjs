import { explorable, fixed, integers, line, memo, mulberry32, px, words } from "./core.mjs";

// How do K ranks add up their vectors? Step by step: a ring, one rank in the middle, or all to all.

const MB_PER_MS = 10, MS_PER_STEP = 0.05;
const NAMES = { ring: "ring", server: "one in the middle", everyone: "all to all" };

export const DEFAULTS = { way: "ring", ranks: 4, megabytes: 100, present: "all", seed: 1, time: 6 };
const countSteps = (way, ranks) => (way === "everyone" ? 1 : 2) * (ranks - 1);
export const CONTROLS = [
  { key: "way", label: "How they add up", values: Object.keys(NAMES), names: ["Ring", "One in the middle", "All to all"] },
  { key: "ranks", label: "Ranks K", values: integers(2, 8), names: [..."2345678"] },
  { key: "megabytes", label: "MB in a vector", values: [0.1, 1, 10, 100, 1000] },
  { key: "present", label: "Who is there", values: ["all", "missing"], names: ["All", "Rank 1 is missing"] },
  { key: "seed", again: "New numbers", values: integers(0, 999) },
  { key: "time", label: "Step", of: true, play: "One step",
    values: ({ way, ranks }) => integers(0, countSteps(way, ranks)) },
];
export const VIEWS = { all_reduce: {}, "all_reduce-missing": { present: "missing", time: 3 } };

// ---- simulation, mirrored in all_reduce.py ----

// Who sends which chunk to whom in a step, were all ready; chunk -1 is the whole vector.
function messages(way, ranks, step) {
  if (way === "server") return step <= ranks - 1 ? [[step, 0, -1]] : [[0, step - ranks + 1, -1]];
  return integers(0, ranks - 1).map((r) => way === "everyone" ? [r, (r + step) % ranks, -1]
    : [r, (r + 1) % ranks, (r + 2 * ranks - step + 1) % ranks]);
}

const cost = (way, ranks, megabytes) => {
  const steps = countSteps(way, ranks), sends = way === "ring" ? steps / ranks : ranks - 1;
  const turns = way === "ring" ? sends : steps;
  return { steps, sends, milliseconds: steps * MS_PER_STEP + turns * megabytes / MB_PER_MS };
};

const run = memo((way, ranks, present, seed, time) => {
  const random = mulberry32(seed), numbers = integers(0, 63).map(() => 1 + Math.floor(9 * random()));
  const own = integers(0, ranks - 1).map((r) => numbers.slice(8 * r, 8 * r + ranks));
  let held = own.map((row) => [...row]), counts = held.map((row) => row.map(() => 1));
  const gone = present === "missing" ? 1 : -1, stuck = held.map(() => false), sent = held.map(() => 0);
  let made = [], halted = false;
  for (let step = 1; step <= time; step++) {
    const planned = messages(way, ranks, step);
    made = halted ? [] : planned.filter(([from, to]) => from !== gone && to !== gone && !(way === "ring" && stuck[from]));
    if (way === "server" && !made.length) halted = true;
    const before = held.map((row) => [...row]), sizes = counts.map((row) => [...row]), got = held.map(() => false);
    for (const [from, to, chunk] of made) {
      got[to] = true;
      sent[from] += chunk < 0 ? 1 : 1 / ranks;
      for (let c = 0; c < ranks; c++) {
        if (chunk >= 0 && c !== chunk) continue;
        const adds = step <= ranks - 1, values = way === "everyone" ? own : before;
        held[to][c] = adds ? before[to][c] + values[from][c] : before[from][c];
        counts[to][c] = adds ? sizes[to][c] + (way === "everyone" ? 1 : sizes[from][c]) : sizes[from][c];
      }
    }
    for (let r = 0; r < ranks; r++)
      if (r !== gone && (way === "ring" ? !got[r] : way === "server" ? halted : planned.some(([from, to]) => to === r && from === gone)))
        stuck[r] = true;
  }
  return { held, counts, made, sent, waiting: stuck.map((is, r) => is && r !== gone) };
});

export function simulate({ way, ranks, megabytes, present, seed, time }) {
  const after = run(way, ranks, present, seed, time);
  const complete = after.counts.flat().filter((count) => count === ranks).length;
  const ways = Object.keys(NAMES).map((name) => cost(name, ranks, megabytes));
  return { ...after, complete, ways };
}

const sizeOf = (sent, megabytes) => fixed(sent, megabytes < 1 ? 3 : 1);

export function describe(state) {
  const { way, ranks, megabytes, present, time } = state, { complete, ways, waiting, sent } = simulate(state);
  const { steps, sends, milliseconds } = ways[Object.keys(NAMES).indexOf(way)], all = ranks * ranks;
  const who = `${ranks} ranks, ${megabytes} MB each, ${NAMES[way]}: after step ${time} of ${steps}, ${complete} of ${all} sums are complete.`;
  if (present === "missing") {
    const count = waiting.filter(Boolean).length, others = ranks - 1;
    if (!count) return `${who} Rank 1 is missing, and nobody waits for it yet.`;
    return `${who} Rank 1 is missing, and ${others === 1 ? "the other" : `${count} of the ${others} others`} ` +
      `${count === 1 ? "waits" : "wait"} for a message that will not come. Nobody tells them.`;
  }
  const most = Math.max(...sent);
  return `${who} The busiest rank has sent ${sizeOf(most * megabytes, megabytes)} MB. The whole is ${fixed(sends, 2)} times ` +
    `a vector from the busiest rank and takes ${fixed(milliseconds, 2)} ms at 10 GB a second and 0.05 ms a step.`;
}

// ---- picture: a row is a rank, a column is a chunk; a cell fills as ranks are added ----

const ROW = 28, GAP = 18, TOP = 56;
function frame(width, { way, ranks }) {
  const narrow = width < 420, lane = narrow ? 4 : 6, right = width - 62;
  const left = way === "ring" ? 56 : way === "server" ? 76 : (narrow ? 62 : 70) + lane * ranks;
  const cell = Math.min(88, (right - left) / ranks);
  return { left, cell, lane, end: left + cell * ranks, x: (c) => left + c * cell, y: (r) => TOP + r * (ROW + GAP),
    bottom: TOP + ranks * (ROW + GAP) };
}

const arrow = (x, from, to) => {
  const tip = to > from ? -5 : 5;
  return line("strong ink", [x, from], [x, to]) + line("strong ink", [x - 4, to + tip], [x, to], [x + 4, to + tip]);
};

export function draw(state, width) {
  const { way, ranks, present } = state, place = frame(width, state), { left, cell, end, x, y, bottom } = place;
  const { held, counts, made, sent, waiting } = simulate(state);
  const heads = words(0, 14, width < 420 ? "chunk" : "chunk of the vector") + integers(0, ranks - 1).map((c) =>
    words(x(c) + cell / 2, 34, c + 1, "soft", "middle")).join("") + words(end + 8, 34, "sent");
  const rows = held.map((row, r) => words(0, y(r) + 19, `rank ${r}`, present === "missing" && r === 1 ? "soft" : "") +
    words(end + 8, y(r) + 19, present === "missing" && r === 1 ? "missing" : waiting[r] ? "waits" : `${fixed(sent[r], 2)}×`,
      waiting[r] ? "strong" : "soft")).join("");
  const cells = held.map((row, r) => row.map((value, c) => {
    const tall = ROW * counts[r][c] / ranks, whole = counts[r][c] === ranks;
    return `<rect class="bar ${whole ? "blue" : "vermillion"}" x="${px(x(c) + 1)}" y="${px(y(r) + ROW - tall)}" width="${px(cell - 2)}" height="${px(tall)}"/>` +
      `<rect class="empty" x="${px(x(c) + 1)}" y="${px(y(r))}" width="${px(cell - 2)}" height="${ROW}"/>` +
      words(x(c) + cell / 2, y(r) + 19, value, whole ? "strong" : "", "middle");
  }).join("")).join("");
  const moves = made.map(([from, to, chunk], i) => {
    if (chunk < 0) {
      const lane = left - 16 - place.lane * (way === "server" ? 0 : i), out = y(from) + 20, into = y(to) + 8;
      return line("strong ink", [left - 3, out], [lane, out], [lane, into], [left - 3, into]) +
        line("strong ink", [left - 8, into - 4], [left - 3, into], [left - 8, into + 4]);
    }
    const at = x(chunk) + cell / 2;
    return arrow(at, y(from) + ROW + 1, y(from) + ROW + GAP - 2) + (to === 0 ? arrow(at, 39, TOP - 2) : "");
  }).join("");
  return { height: bottom + 2, layers: [heads, rows, cells, moves] };
}

export function table(state) {
  const { ways } = simulate(state), { way, megabytes } = state;
  return { head: ["Way", "steps", "MB sent", "ms"], rows: Object.values(NAMES).map((name, i) => [
    `${Object.keys(NAMES)[i] === way ? "▸ " : ""}${name[0].toUpperCase()}${name.slice(1)}`,
    ways[i].steps, sizeOf(ways[i].sends * megabytes, megabytes), fixed(ways[i].milliseconds, 2)]) };
}

export default explorable({
  title: "How K ranks add up their vectors", defaults: DEFAULTS, controls: CONTROLS, views: VIEWS, draw, describe, table,
  question: "Four ranks in a ring each send 150 MB to add up vectors of 100 MB. There are eight ranks now. How much does each send?",
  answers: [
    ["300 MB: twice as many ranks, twice as much", "That is how it goes when one rank collects everything. In the ring the chunks get smaller as the ranks get more: 2 × 7 messages of 100/8 MB are 175 MB."],
    ["175 MB: hardly more", "Yes. Each sends 2(K − 1) chunks of 1/K of the vector: 1.5 vectors for four ranks, 1.75 for eight, never 2. What grows is the number of steps."],
    ["75 MB: the work is shared", "Each chunk is half as large, but it has to pass more than twice as many times: 14 instead of 6. Together 175 MB, a little more than before."],
  ],
});
