import { explorable, fixed, integers, key, line, memo, mulberry32, px, words } from "./core.mjs";

// Why does the accelerator wait? Batches pass from loading to computing, as PyTorch's loader does it.

const BATCHES = 96, LONG_RUN = 60, HAND_OVER = 5, END = 240;
const MEAN_LOAD = { memory: 0, quick: 10, slow: 30, uneven: 30 };

export const DEFAULTS = { load: "slow", compute: 10, workers: 2, prefetch: 2, seed: 6, time: END };
export const CONTROLS = [
  { key: "load", label: "Loading a batch takes", values: Object.keys(MEAN_LOAD), names: ["0 ms: in memory", "10 ms", "30 ms", "10 or 90 ms"] },
  { key: "compute", label: "Computing takes, in ms", values: [5, 10, 20, 30] },
  { key: "workers", label: "num_workers", again: "Next num_workers", values: integers(0, 4) },
  { key: "prefetch", label: "prefetch_factor", values: integers(1, 4) },
  { key: "seed", values: integers(0, 999) },
  { key: "time", label: "Time in ms:", of: true, play: "Step", values: integers(0, END / 5).map((i) => 5 * i) },
];
export const VIEWS = { loader_timeline: {},
  "loader_timeline-memory": { load: "memory", compute: 5 },
  "loader_timeline-uneven": { load: "uneven", workers: 4, prefetch: 1 } };

// ---- simulation, mirrored in loader_timeline.py ----

// Batch k belongs to worker k mod W; taking a batch, in order, sends out the next request.
const schedule = memo((load, compute, workers, prefetch, seed) => {
  const random = mulberry32(seed), handOver = load === "memory" && workers ? HAND_OVER : 0;
  const started = [], loaded = [], taken = [], computing = [], done = [], ahead = workers * prefetch;
  for (let k = 0; k < BATCHES; k++) {
    const duration = load === "uneven" ? (random() < 0.25 ? 90 : 10) : MEAN_LOAD[load];
    const free = k ? done[k - 1] : 0, asked = k >= ahead ? taken[k - ahead] : 0;
    started.push(workers ? Math.max(asked, k >= workers ? loaded[k - workers] : 0) : free);
    loaded.push(started[k] + duration);
    taken.push(Math.max(free, loaded[k]));
    computing.push(taken[k] + handOver);
    done.push(computing[k] + compute);
  }
  return { started, loaded, taken, computing, done };
});

export function simulate({ load, compute, workers, prefetch, seed, time }) {
  const times = schedule(load, compute, workers, prefetch, seed), { computing, done } = times;
  let busy = 0;
  for (let k = 0; k < BATCHES; k++) busy += Math.max(0, Math.min(done[k], time) - computing[k]);
  return { ...times,
    step: (done[BATCHES - 1] - done[BATCHES - 1 - LONG_RUN]) / LONG_RUN,
    law: workers ? Math.max(MEAN_LOAD[load] / workers, (load === "memory" ? HAND_OVER : 0) + compute) : MEAN_LOAD[load] + compute,
    busy, idle: time - busy };
}

export function describe(state) {
  const { load, compute, workers, prefetch, time } = state, { done, step, law, busy, idle } = simulate(state);
  const mean = MEAN_LOAD[load], who = `${workers} worker${workers === 1 ? "" : "s"}`, takes = `a step takes ${fixed(step, 1)} ms`;
  const helps = prefetch < 4 && simulate({ ...state, prefetch: prefetch + 1 }).step < step - 0.05;
  const bound = step > law + 0.05 ? `slow batches hold up those behind them${helps ? "; a larger prefetch_factor helps" : ""}`
    : mean / workers > compute ? "loading is the bottleneck" : "computing is the bottleneck, and more workers change nothing";
  const says = load === "memory"
    ? (workers ? `Nothing to load, but each batch from a worker costs ${HAND_OVER} ms to hand over: with ${who} ${takes}, without workers ${fixed(compute, 1)} ms.`
      : `Nothing to load and no workers: ${takes}, all of it computing.`)
    : workers ? `With ${who} ${takes} in the long run; the law max(${mean} ÷ ${workers}, ${compute}) says ${fixed(law, 1)} ms: ${bound}.`
      : `No workers: load for ${mean} ms${load === "uneven" ? " on average" : ""}, then compute for ${compute} ms. A step takes ${fixed(step, 1)} ms.`;
  const count = done.filter((end) => end <= time).length;
  return `${says} After ${time} ms ${count} ${count === 1 ? "batch is" : "batches are"} done; ` +
    `the accelerator was busy for ${busy} ms and idle for ${idle} ms.`;
}

// ---- picture ----

const LANE = 24, GAP = 10, TOP = 34;
function frame(width) {
  const left = width >= 560 ? 104 : 78, scale = (width - left - 12) / END;
  return { left, right: width - 12, scale, x: (time) => left + scale * time,
    y: (lane) => TOP + lane * (LANE + GAP), bottom: TOP + 6 * (LANE + GAP) + 52 };
}

const grid = memo((width, workers) => {
  const { left, right, x, y, bottom } = frame(width);
  const names = ["accelerator", width >= 560 ? "main process" : "main", ...integers(1, 4).map((i) => `worker ${i}`)];
  return names.map((name, lane) => words(0, y(lane) + 17, name, lane > workers + 1 ? "soft" : "") +
      line("soft", [left, y(lane) + LANE], [right, y(lane) + LANE])).join("") +
    integers(0, 4).map((i) => line("soft", [x(60 * i), TOP - 12], [x(60 * i), bottom]) +
      words(x(60 * i), bottom + 16, `${60 * i}${i === 4 && width >= 560 ? " ms" : ""}`, "soft", i === 4 && width >= 560 ? "end" : "middle")).join("");
});

// A batch on its way: its number stands in the box where it fits.
function box(place, lane, kind, from, to, time, number) {
  const { x, y, scale } = place, end = Math.min(to, time);
  if (end <= from) return "";
  const left = x(from) + 0.75, wide = scale * (end - from) - 1.5, fits = number && wide >= (number > 9 ? 18 : 10);
  return `<rect class="${kind}" x="${px(left)}" y="${px(y(lane))}" width="${px(wide)}" height="${LANE}" rx="3"/>` +
    (fits ? words(left + wide / 2, y(lane) + 17, number, kind.includes("vermillion") ? "on-vermillion" : "", "middle") : "");
}

export function draw(state, width) {
  const { workers, time } = state, place = frame(width), { x, y, bottom } = place;
  const { started, loaded, taken, computing, done, law } = simulate(state);
  let lanes = "", waiting = [], before = 0;
  for (let k = 0; k < BATCHES && started[k] < time; k++) {
    lanes += box(place, workers ? 2 + (k % workers) : 1, "line ink", started[k], loaded[k], time, k + 1) +
      box(place, 1, "filled ink", taken[k], computing[k], time) +
      box(place, 0, "filled vermillion", computing[k], done[k], time, k + 1);
  }
  const most = Math.max(4, workers * state.prefetch), floor = bottom - 6;
  const level = (count) => floor - (38 * count) / most;
  for (const at of integers(0, time / 5).map((i) => 5 * i)) {
    const ready = (times) => times.filter((event) => event <= at).length, count = ready(loaded) - ready(taken);
    waiting.push([at, before], [at, count]);
    before = count;
  }
  const queue = words(0, floor - 12, width >= 560 ? "batches ready" : "ready") +
    words(place.left - 5, floor + 4, 0, "soft", "end") + words(place.left - 5, level(most) + 4, most, "soft", "end") +
    line("vermillion", ...waiting.map(([at, size]) => [x(at), level(size)]));
  const first = computing[0], ticks = integers(0, Math.floor((END - first) / law));
  const ruler = words(0, 14, width >= 560 ? "the law says" : "the law") + ticks.map((i) => line("blue", [x(first + i * law), 4], [x(first + i * law), 18])).join("") +
    line("blue", [x(first), 11], [x(first + ticks.at(-1) * law), 11]);
  const now = time < END ? line("thin ink", [x(time), TOP - 12], [x(time), bottom]) : "";
  return { height: bottom + 22, layers: [grid(width, workers), ruler, lanes, queue + now] };
}

export function drag(x, y, state, width) {
  const { left, scale } = frame(width), time = 5 * Math.round((x - left) / scale / 5);
  return { time: Math.max(0, Math.min(END, time)) };
}

export function table(state) {
  const { workers, compute, load, time } = state, { step, law, busy, computing } = simulate(state);
  const formula = workers ? `max(${MEAN_LOAD[load]} ÷ ${workers}, ${load === "memory" ? `${HAND_OVER} + ` : ""}${compute})` : `${MEAN_LOAD[load]} + ${compute}`;
  const ms = (value) => `${fixed(value, 1)} ms`;
  return { head: ["This loader", "value"], rows: [
    [`${key("rule", "blue")}Step time by the law, ${formula}`, ms(law)],
    [`${key("square", "vermillion")}Step time in the long run`, ms(step)],
    ...(load === "memory" && workers ? [[`${key("square", "ink")}Handing a batch over`, ms(HAND_OVER)]] : []),
    ["First step starts after", ms(computing[0])],
    ["Accelerator busy so far", `${fixed(time ? (100 * busy) / time : 0, 0)} %`],
  ] };
}

export default explorable({
  title: "Why the accelerator waits", defaults: DEFAULTS, controls: CONTROLS, views: VIEWS, draw, drag, describe, table,
  question: "Loading a batch takes 30 ms, computing with it 10 ms. Without workers a step takes 40 ms. How long does it take with 2 worker processes?",
  answers: [
    ["20 ms: half", "Shorter. Two workers deliver a batch every 15 ms on average, and the accelerator computes while they load: only the slower of the two counts, max(30 ÷ 2, 10) = 15 ms."],
    ["15 ms", "Yes. Two workers deliver a batch every 15 ms on average, and the 10 ms of computing hide behind that. Where would a third worker bring it, and a fourth?"],
    ["10 ms: loading is hidden", "Not yet. Two workers deliver one batch every 15 ms on average, so the accelerator waits a third of the time. A third worker would hide the loading: max(30 ÷ 3, 10) = 10 ms."],
  ],
});
