import { explorable, fixed, px, words } from "./core.mjs";

// What speaks for a batch size? Arithmetic with the reader's own data set, machine and model.

const MACHINES = [8, 16, 24, 40, 80, 141];
const powersTo = (top) => {
  const sizes = [];
  for (let size = 1; size < top; size *= 2) sizes.push(size);
  return [...sizes, top];
};

export const DEFAULTS = { num_examples: 1200000, megabytes: 100, machine: 1, batch_size: 1200000 };
export const CONTROLS = [
  { key: "num_examples", label: "Examples N", values: [1000, 10000, 60000, 1200000, 100000000] },
  { key: "megabytes", label: "Megabytes an example", values: [0.01, 0.1, 1, 10, 100, 1000] },
  { key: "machine", again: "Next machine", values: MACHINES.map((_, i) => i) },
  { key: "batch_size", label: "Batch size B", play: "Double B", values: ({ num_examples }) => powersTo(num_examples) },
];
export const VIEWS = { fits: {}, "fits-small": { num_examples: 1000, megabytes: 1, batch_size: 32 } };

// ---- arithmetic, mirrored in fits.py ----

export function simulate({ num_examples, megabytes, machine, batch_size }) {
  return {
    updates: Math.ceil(num_examples / batch_size),
    noise: Math.sqrt((num_examples - batch_size) / (num_examples - 1) / batch_size),
    gigabytes: (batch_size * megabytes) / 1000,
    largest: Math.min(num_examples, Math.floor((MACHINES[machine] * 1000) / megabytes)),
  };
}
const whole = (number) => number.toLocaleString("en");
const percent = (noise) => `${fixed(100 * noise, 1)} %`;
const memory = (gigabytes) => gigabytes < 0.001 ? `${fixed(1000 * gigabytes)} MB`
  : `${gigabytes < 100 ? fixed(gigabytes, gigabytes < 1 ? 3 : 1) : whole(Math.round(gigabytes))} GB`;

export function describe(state) {
  const { updates, noise, gigabytes, largest } = simulate(state), capacity = MACHINES[state.machine];
  return `B = ${whole(state.batch_size)} out of N = ${whole(state.num_examples)}: ` +
    `${whole(updates)} ${updates === 1 ? "update" : "updates"} an epoch, with ${percent(noise)} of the noise of B = 1. ` +
    `The batch takes ${memory(gigabytes)} and ${gigabytes > capacity ? "does not fit" : "fits"} into ${capacity} GB; ` +
    `the largest batch that fits is ${whole(largest)}.`;
}

// ---- picture: four gauges ----

function gauges(state) {
  const { updates, noise, gigabytes } = simulate(state), { num_examples, batch_size } = state;
  const capacity = MACHINES[state.machine], logarithm = (value) => Math.log(value) / Math.log(num_examples);
  return [
    { name: "Memory", value: `${memory(gigabytes)} of ${capacity} GB`, part: gigabytes / capacity, good: gigabytes <= capacity,
      yes: "fits", no: "does not fit" },
    { name: "Updates an epoch", value: whole(updates), part: logarithm(updates), good: updates >= 100,
      yes: "quick to react", no: "slow to react" },
    { name: "Noise left", value: percent(noise), part: noise, good: noise < 0.1, yes: "calm steps", no: "wants a small rate" },
    { name: "Examples at a time", value: whole(batch_size), part: logarithm(batch_size), good: batch_size >= 32,
      yes: "busy hardware", no: "idle hardware" },
  ];
}

export function draw(state, width) {
  return { height: 188, layers: gauges(state).map(({ name, value, part, good }, row) => {
    const top = 46 * row + 4, kind = good ? "blue" : "vermillion";
    return words(0, top + 12, name, "strong") + words(width, top + 12, value, "", "end") +
      `<rect class="empty" x="0.5" y="${top + 19}" width="${width - 1}" height="14" rx="4"/>` +
      `<rect class="filled ${kind}" x="0.5" y="${top + 19}" width="${px(Math.max(3, Math.min(1, part) * (width - 1)))}" height="14" rx="4"/>`;
  }) };
}

export function table(state) {
  return { head: ["What counts", "for it", "against it"], rows: gauges(state).map(({ name, good, yes, no }) =>
    [name, good ? yes : "–", good ? "–" : no]) };
}

export default explorable({
  title: "What speaks for this batch size",
  defaults: DEFAULTS, controls: CONTROLS, views: VIEWS, draw, describe, table,
  question: "All 1.2 million images in one batch, 100 MB for each, on a machine with 16 GB. What is the largest batch that fits?",
  answers: [
    ["About 16", "Ten times as many: 16 GB are 16 000 MB."],
    ["About 160", "Yes, if nothing else needs memory. In practice the model does, so 128 or less."],
    ["About 16 000", "That would be 1 MB for each. Training keeps every layer’s output, not only the image."],
  ],
});
