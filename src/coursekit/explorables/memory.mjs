import { explorable, fixed, integers, line, px, words } from "./core.mjs";

// What does a training step keep in memory, and how large a batch is left room for?

const DEVICES = [8, 16, 24, 40, 80, 141], LAYERS = 12;
const COPIES = { sgd: 0, momentum: 1, adam: 2 };
const NAMES = { sgd: "SGD", momentum: "momentum", adam: "Adam", float32: "float32", mixed: "bfloat16 mixed" };

export const DEFAULTS = { millions: 125, megabytes: 100, optimizer: "adam", format: "float32", batch_size: 140, device: 1, layer: LAYERS };
export const CONTROLS = [
  { key: "batch_size", label: "Batch size B", values: integers(1, 512) },
  { key: "millions", label: "Million parameters", values: [1, 5, 25, 125, 350, 1300, 7000] },
  { key: "megabytes", label: "MB an example, in float32", values: [1, 10, 50, 100, 200, 500, 1000] },
  { key: "optimizer", label: "Optimizer", values: Object.keys(COPIES), names: ["SGD", "Momentum", "Adam"] },
  { key: "format", label: "Number format", values: ["float32", "mixed"], names: ["float32", "bfloat16 mixed"] },
  { key: "device", again: "Next device", values: integers(0, DEVICES.length - 1) },
  { key: "layer", label: "Forward pass: layer", of: true, play: "One layer", values: integers(0, LAYERS) },
];
export const VIEWS = { memory: {}, "memory-overflow": { batch_size: 256 }, "memory-mixed": { format: "mixed", batch_size: 280 } };

// ---- arithmetic in MB, mirrored in memory.py ----

function parts({ millions, megabytes }, optimizer, format) {
  const mixed = format === "mixed", each = mixed ? 2 : 4;
  const bytes = { parameters: each, gradients: each, copy: mixed ? 4 : 0, optimizer: 4 * COPIES[optimizer] };
  let fixed_part = 0;
  for (const name in bytes) {
    bytes[name] *= millions;
    fixed_part += bytes[name];
  }
  return { ...bytes, fixed_part, example: mixed ? megabytes / 2 : megabytes };
}
const largestOf = ({ fixed_part, example }, capacity) => Math.max(0, Math.floor((capacity - fixed_part) / example));

export function simulate(state) {
  const { optimizer, format, batch_size, device, layer } = state, capacity = 1000 * DEVICES[device];
  const needs = parts(state, optimizer, format), { fixed_part, example } = needs;
  const after = (layers) => fixed_part + (batch_size * example * layers) / LAYERS;
  let stops = -1;
  for (let i = LAYERS; i >= 0 && after(i) > capacity; i--) stops = i;
  return { ...needs, now: after(layer), total: after(LAYERS), capacity, stops, largest: largestOf(needs, capacity) };
}
const amount = (mb) => (mb < 1000 ? `${fixed(mb, mb % 1 && mb < 10 ? 1 : 0)} MB` : `${fixed(mb / 1000, 1)} GB`);
const whole = (number) => number.toLocaleString("en");

export function describe(state) {
  const { millions, optimizer, format, batch_size, device, layer } = state;
  const { fixed_part, example, now, total, capacity, stops, largest } = simulate(state), size = `${DEVICES[device]} GB`;
  const before = `${whole(millions)} million parameters with ${NAMES[optimizer]} in ${NAMES[format]} take ${amount(fixed_part)} before the first example`;
  if (!largest) return `${before}, and an example ${amount(example)}: not even a batch of 1 fits into ${size}.`;
  const verdict = total > capacity ? `${amount(total - capacity)} more than the device has: out of memory in layer ${stops} of ${LAYERS}` : `and fits into ${size}`;
  return `${before}, and each example ${amount(example)} more. A batch of ${batch_size} needs ${amount(total)}${total > capacity ? "," : ""} ${verdict}. ` +
    `The largest that fits is ${whole(largest)}.${layer < LAYERS ? ` After layer ${layer} of ${LAYERS} it ${now > capacity ? "would be" : "is"} ${amount(now)}.` : ""}`;
}

// ---- picture: each part begins where the one before ends, and the last row stacks them all ----

const ROW = 42, scaleOf = (capacity, width) => (width - 1) / (1.25 * capacity);

export function draw(state, width) {
  const { batch_size, device } = state, found = simulate(state), { example, fixed_part, now, total, capacity } = found;
  const scale = scaleOf(capacity, width), x = (mb) => Math.min(width, scale * mb), limit = x(capacity), last = 5 * ROW;
  const box = (kind, y, from, to, height) => x(to) - x(from) < 0.05 ? ""
    : `<rect class="${kind}" x="${px(x(from))}" y="${y}" width="${px(x(to) - x(from))}" height="${height}"/>`;
  const text = (row, name, value) => words(0, ROW * row + 13, name) + words(width, ROW * row + 13, value, "", "end");
  let at = 0;
  const rows = [["Parameters", "parameters"], ["Gradients", "gradients"], ["Float32 copy", "copy"], ["Optimizer state", "optimizer"]].map(([name, part], row) => {
    const from = at;
    at += found[part];
    return text(row, name, found[part] ? amount(found[part]) : "none") + box("filled ink", ROW * row + 19, from, at, 12);
  });
  const over = (y, height) => box("bar vermillion", y, fixed_part, Math.min(now, capacity), height) +
    box("filled vermillion", y, Math.max(fixed_part, capacity), now, height) + box("empty", y, now, total, height);
  rows.push(text(4, `Activations, ${batch_size} × ${amount(example)}`, amount(total - fixed_part)) + over(4 * ROW + 19, 12));
  const fits = total <= capacity, all = words(0, last + 13, `All together: ${fits ? "fits" : "does not fit"}`, "strong") +
    words(width, last + 13, amount(total), "strong", "end") + box("filled ink", last + 19, 0, fixed_part, 22) + over(last + 19, 22);
  const axis = line("soft", [x(fixed_part), 4 * ROW + 31], [x(fixed_part), last + 19]) + line("ink dashed", [limit, 0], [limit, last + 49]) + words(limit, last + 64, `device: ${DEVICES[device]} GB`, "", "middle") + words(0, last + 64, 0, "soft");
  return { height: last + 70, layers: [axis, rows.join(""), all] };
}

export function drag(x, y, state, width) {
  const { fixed_part, example, capacity } = simulate(state);
  const size = Math.floor((x / scaleOf(capacity, width) - fixed_part) / example + 0.5);
  return { batch_size: Math.max(1, Math.min(512, size)) };
}

export function table(state) {
  const { optimizer, format } = state, { capacity } = simulate(state);
  return { head: ["Largest batch", "SGD", "Momentum", "Adam"], rows: ["float32", "mixed"].map((way) =>
    [NAMES[way], ...Object.keys(COPIES).map((name) =>
      (name === optimizer && way === format ? "▸ " : "") + whole(largestOf(parts(state, name, way), capacity)))]) };
}

export default explorable({
  title: "What fits into memory", defaults: DEFAULTS, controls: CONTROLS, views: VIEWS, draw, drag, describe, table,
  question: "16 GB; 125 million parameters with Adam in float32 take 2 GB, each example 100 MB. So (16 − 2) ÷ 0.1 = 140 examples fit. How many fit in bfloat16 mixed precision?",
  answers: [
    ["140: only the speed changes", "More. What each layer keeps for the backward pass takes two bytes a number instead of four, and that is nearly all of these 16 GB."],
    ["280: twice as many", "Yes. Activations halve, and the 2 GB stay: parameters and gradients halve too, but a float32 copy of the parameters joins them, and Adam’s averages stay float32. Take 1300 million parameters instead: they fit in neither format."],
    ["300: everything halves", "Not the 2 GB. Parameters and gradients take 2 bytes each instead of 4, but updates need a float32 copy of the parameters, and Adam’s averages stay float32: 16 bytes a parameter either way. (16 − 2) ÷ 0.05 = 280."],
  ],
});
