import { explorable, fixed, integers, key, line, mark, words } from "./core.mjs";

// What does a larger batch save, and what does it cost? Steps, examples and time, each over its least.

const DOUBLINGS = 12, MOST = 64, SIZES = integers(2, 10).map((i) => 2 ** i), KNEES = [16, 64, 256, 1024];

export const DEFAULTS = { critical: 64, machine: 2, doublings: 6, swept: DOUBLINGS };
export const CONTROLS = [
  { key: "doublings", label: "Batch size: doublings of 1", values: integers(0, DOUBLINGS) },
  { key: "critical", label: "Critical batch size of the task", values: SIZES },
  { key: "machine", again: "Next machine", values: integers(0, KNEES.length - 1) },
  { key: "swept", label: "Sweep: doublings", of: true, play: "Double", values: integers(0, DOUBLINGS) },
];
export const VIEWS = { critical_batch: {}, "critical_batch-large": { doublings: 11 }, "critical_batch-small": { doublings: 1 } };

// ---- arithmetic, mirrored in critical_batch.py ----

export function costs(batch_size, critical, knee) {
  return { steps: 1 + critical / batch_size, examples: 1 + batch_size / critical, seconds: (1 + critical / batch_size) * (1 + batch_size / knee) };
}

export function simulate({ critical, machine, doublings, swept }) {
  const knee = KNEES[machine], batch_size = 2 ** doublings, now = costs(batch_size, critical, knee), quickest = Math.sqrt(critical * knee);
  return { batch_size, knee, swept_to: 2 ** swept, steps: now.steps, examples: now.examples, quickest, time: now.seconds / costs(quickest, critical, knee).seconds };
}

export function describe(state) {
  const { critical, swept } = state, { batch_size, knee, swept_to, steps, examples, quickest, time } = simulate(state);
  const where = 4 * batch_size <= critical ? "Doubling it nearly halves the steps"
    : batch_size >= 4 * critical ? "Doubling it saves hardly a step and nearly doubles the examples"
      : "Near the critical batch size both costs are felt";
  return `A batch of ${batch_size}, where the critical batch size is ${critical}: ${fixed(steps)} times the fewest steps, ` +
    `${fixed(examples)} times the fewest examples. ${where}. On a machine whose knee is at ${knee}, ` +
    `a batch of √(${critical} · ${knee}) ${quickest % 1 ? "≈" : "="} ${fixed(quickest, 0)} is done first; this one takes ${fixed(time)} times as long.${swept < DOUBLINGS ? ` The curves are drawn up to a batch of ${swept_to}.` : ""}`;
}

// ---- picture: both axes in doublings ----

const TOP = 12, HIGH = 220, ROOM = 34;
const across = (width) => (batch_size) => ROOM + (Math.log2(batch_size) / DOUBLINGS) * (width - ROOM - 10);
const up = (cost) => TOP + HIGH * (1 - Math.log2(Math.min(cost, MOST)) / Math.log2(MOST));

export function draw(state, width) {
  const { critical } = state, { batch_size, knee, steps, examples, time, quickest } = simulate(state);
  const x = across(width), fine = integers(0, 4 * state.swept).map((i) => 2 ** (i / 4)), bottom = TOP + HIGH, each = width < 480 ? 4 : 2;
  const least = costs(quickest, critical, knee).seconds;
  const curve = (kind, cost) => {
    const points = fine.map((b) => [x(b), cost(costs(b, critical, knee))]).filter(([, value]) => value <= MOST);
    return points.length ? line(kind, ...points.map(([at, value]) => [at, up(value)])) : "";
  };
  const grid = integers(0, 6).map((i) => line("soft", [ROOM, up(2 ** i)], [width - 10, up(2 ** i)]) + words(ROOM - 6, up(2 ** i) + 4, 2 ** i, "soft", "end")).join("") +
    integers(0, DOUBLINGS / each).map((i) => words(x(2 ** (each * i)), bottom + 18, 2 ** (each * i), "soft", i * each === DOUBLINGS ? "end" : "middle")).join("") +
    words((ROOM + width) / 2, bottom + 38, "batch size", "", "middle");
  const curves = curve("blue", (c) => c.steps) + curve("ink", (c) => c.examples) + curve("vermillion dashed", (c) => c.seconds / least);
  const marks = line("thin ink", [x(batch_size), TOP], [x(batch_size), bottom]) +
    mark("dot", "blue", x(batch_size), up(steps)) + mark("square", "ink", x(batch_size), up(examples)) +
    mark("ring", "vermillion", x(batch_size), up(time)) +
    (Math.max(steps, examples, time) > MOST ? words(x(batch_size) + (batch_size > 64 ? -12 : 12), TOP + 5, "↑", "strong", "middle") : "");
  const crossing = mark("cross", "ink", x(critical), up(2));
  return { height: bottom + 46, layers: [grid, curves, crossing + marks] };
}

export function drag(x, y, state, width) {
  const doublings = Math.round(((x - ROOM) / (width - ROOM - 10)) * DOUBLINGS);
  return { doublings: Math.max(0, Math.min(DOUBLINGS, doublings)) };
}

export function table(state) {
  const { batch_size, knee, steps, examples, time } = simulate(state);
  return { head: ["Times the least", `B = ${batch_size}`], rows: [
    [`${key("dot", "blue")}Steps, 1 + B_crit/B`, fixed(steps)],
    [`${key("square", "ink")}Examples, 1 + B/B_crit`, fixed(examples)],
    [`${key("ring", "vermillion")}Time, steps · (1 + B/${knee})`, fixed(time)],
    [`${key("cross", "ink")}Critical batch size`, state.critical],
  ] };
}

export default explorable({
  title: "What a larger batch buys", defaults: DEFAULTS, controls: CONTROLS, views: VIEWS, draw, drag, describe, table,
  question: "The critical batch size is 64. You train with batches of 64 and go to 512, eight times as many examples a step, with the best learning rate for each. How many times fewer steps?",
  answers: [
    ["Eight", "That holds far below the critical batch size, where noise is what costs steps. Here (1 + 64/64) ÷ (1 + 64/512) = 1.78, for 4.5 times the examples."],
    ["1.78", "Yes: (1 + 64/64) ÷ (1 + 64/512). At 64 half the steps are there because of noise, and only that half can be saved. It costs 4.5 times the examples."],
    ["None: past the critical size nothing is saved", "It is a bend, no wall. At the critical size itself, half of the steps can still be saved; eight times the batch saves 44 % of them, for 4.5 times the examples."],
  ],
});
