import { explorable, fixed, integers, key, line, mark, memo, mulberry32, px, words } from "./core.mjs";

// What does the batch size do to the path? Real gradient descent on 16 examples and two weights.

const N = 16, TICKS = 64, PER_TICK = 4, SHUFFLES = 200, FAR = 1e3, SIZES = [1, 2, 4, 8, 16];
// Starting weights in tenths. From three sides, equally far from the minimum along the valley and
// across it, so that for the full batch all three are equally hard.
const STARTS = { full: [-10, 7], mini: [30, 7], sgd: [30, -17] }, RANGES = [integers(-20, 40), integers(-22, 12)];
const keysOf = (start) => [`${start}_w1`, `${start}_w2`];

export const DEFAULTS = { batch_size: 4, learning_rate: 0.2, race: "updates", look: "mini", seed: 797, time: TICKS };
for (const start in STARTS) keysOf(start).forEach((name, axis) => { DEFAULTS[name] = STARTS[start][axis]; });
export const CONTROLS = [
  { key: "batch_size", label: "Mini-batch size B", values: SIZES },
  { key: "learning_rate", label: "Learning rate η",
    values: [0.02, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5, 0.7, 0.9, 1, 1.2] },
  { key: "race", label: "Race by equal", values: ["updates", "examples"], names: ["updates", "examples read"] },
  { key: "look", label: "Look closely at", values: ["full", "mini", "sgd", "sizes"],
    names: ["full batch", "mini-batch", "SGD", "five batch sizes"] },
  { key: "seed", again: "New shuffle", values: integers(0, 9999) },
  { key: "time", label: "Time", of: true, play: "Step", values: integers(0, TICKS) },
  ...Object.keys(STARTS).flatMap((start) => keysOf(start).map((key, axis) => ({ key, values: RANGES[axis] }))),
];
export const VIEWS = { valley: {}, "valley-sizes": { look: "sizes", race: "examples" } };

// ---- simulation, mirrored in valley.py ----

// A grid of 16 points, narrow along x₁: that is what makes a valley along w₁. The targets are
// x₁ − x₂/2 and an error of ±¼ like the colors of a chessboard, so that the minimum is (1, −½).
const DATA = integers(0, N - 1).map((i) => {
  const row = Math.floor(i / 4), x = 0.375 * ((i % 4) - 1.5), y = row - 1.5;
  return [x, y, x - y / 2 + ((i + row) % 2 ? 0.25 : -0.25)];
});
const CURVATURES = [0.3515625, 2.5], LIMIT = 2 / CURVATURES[1];

const excess = ([x, y]) => CURVATURES[0] / 2 * (x - 1) * (x - 1) + CURVATURES[1] / 2 * (y + 0.5) * (y + 0.5);
const startOf = (state, start) => keysOf(start).map((name) => state[name] / 10);
const lost = ([x, y]) => !(Math.abs(x) < FAR && Math.abs(y) < FAR);

// One shuffle after the other, as a data loader does; the full batch has nothing to shuffle.
function walk(size, rate, seed, [x, y], updates) {
  const random = mulberry32(64 * seed + size), order = integers(0, N - 1), path = [[x, y, 0, 0]];
  let taken = N;
  for (let t = 0; t < updates; t++) {
    if (taken === N) {
      taken = 0;
      for (let i = N - 1; size < N && i > 0; i--) {
        const j = Math.floor(random() * (i + 1));
        [order[i], order[j]] = [order[j], order[i]];
      }
    }
    let g = 0, h = 0;
    for (const end = taken + size; taken < end; taken++) {
      const [first, second, target] = DATA[order[taken]], error = 2 * (first * x + second * y - target);
      g += error * first;
      h += error * second;
    }
    g /= size;
    h /= size;
    if (!lost([x, y])) {
      x -= rate * g;
      y -= rate * h;
    }
    path.push([x, y, g, h]);
  }
  return path;
}
const updatesAt = ({ race, time }, size) => (race === "updates" ? time : Math.floor((time * PER_TICK) / size));

const finals = memo((size, rate, x, y, updates) => integers(0, SHUFFLES - 1).map((seed) => {
  const end = walk(size, rate, seed, [x, y], updates)[updates];
  return lost(end) ? Infinity : excess(end);
}));

const lane = (name, batch_size, start, kind, looked) => ({ name, batch_size, start, kind, looked });
export function simulate(state) {
  const { batch_size, look } = state;
  const lanes = look === "sizes" ? SIZES.map((size) => lane(`B = ${size}`, size, "mini",
    size === N ? "blue" : size === batch_size ? "vermillion" : "ink", size === batch_size))
    : [["Full batch", N, "full", "blue"], ["Mini-batch", batch_size, "mini", "vermillion"], ["SGD", 1, "sgd", "ink"]]
      .map((one) => lane(...one, look === one[2]));
  const ends = lanes.map((lane) => {
    const size = lane.batch_size, updates = updatesAt({ ...state, time: TICKS }, size), start = startOf(state, lane.start);
    lane.path = walk(size, state.learning_rate, state.seed, start, updates);
    lane.wins = 0;
    return finals(size, state.learning_rate, ...start, updates);
  });
  for (let i = 0; i < SHUFFLES; i++) {
    let best = 0;
    ends.forEach((losses, lane) => { if (losses[i] < ends[best][i]) best = lane; });
    if (ends[best][i] < Infinity) lanes[best].wins += 1;
  }
  return lanes;
}

const shown = (point) => {
  const loss = excess(point);
  return lost(point) ? "diverged" : loss < 0.00005 ? "under 0.0001" : fixed(loss, loss < 10 ? 4 : 1);
};
const count = (number, thing) => `${number} ${thing}${number === 1 ? "" : "s"}`;

export function describe(state) {
  const { time, race, learning_rate } = state, lanes = simulate(state), byUpdates = race === "updates";
  const now = lanes.map(({ name, batch_size, path }) => {
    const updates = updatesAt(state, batch_size);
    return `${shown(path[updates])} for ${name} (${byUpdates ? updates * batch_size + " read" : count(updates, "update")})`;
  });
  return `After ${byUpdates ? count(time, "update") : count(PER_TICK * time, "example")} each, ` +
    `the loss above the minimum is: ${now.join(", ")}. ` +
    `Lowest at the end in ${SHUFFLES} shuffles: ${lanes.map(({ name, wins }) => `${name} in ${wins}`).join(", ")}.` +
    (learning_rate > LIMIT ? ` Above the learning rate ${fixed(LIMIT)} even the full batch diverges, unless it starts on the floor.` : "");
}

// ---- picture ----

function frame(width) {
  const height = Math.round(Math.max(200, width * 0.53)), scale = width / 6.8;
  return { height, scale, at: ([x, y]) => [width / 2 + scale * (x - 1), height / 2 - scale * (y + 0.5)] };
}

const ground = memo((width) => {
  const { height, scale } = frame(width);
  return [0.02, 0.1, 0.3, 0.7, 1.3, 2.2, 3.4].map((level) => {
    const [rx, ry] = CURVATURES.map((curvature) => px(scale * Math.sqrt((2 * level) / curvature)));
    return `<ellipse class="line soft" cx="${width / 2}" cy="${height / 2}" rx="${rx}" ry="${ry}"/>`;
  }).join("") + mark("cross", "ink", width / 2, height / 2) +
    words(4, 14, "↑ weight w₂", "soft") + words(width - 4, height - 8, "weight w₁ →", "soft", "end");
});

const SHAPES = { blue: "dot", vermillion: "square", ink: "ring" };
const trail = ({ kind, looked, path }, updates, at) => {
  const points = path.slice(0, updates + 1).map(at);
  const dots = updates > TICKS ? "" : `<path class="cloud ${kind}" stroke-width="${looked ? 6 : 4}" d="${
    points.map((point) => `M${point.map(px).join(" ")}h0`).join("")}"/>`;
  return line(`${kind}${looked ? " strong" : kind === "ink" ? " thin" : ""}`, ...points) + dots + mark(SHAPES[kind], kind, ...points.at(-1));
};

// Names stand above the starts, or below them where another name is.
function names(state, lanes, width, { height, at }) {
  const taken = [[40, 10], [width - 40, height]];
  return lanes.filter(({ looked }) => looked || state.look !== "sizes").map(({ name, start }) => {
    const [middle, y] = at(startOf(state, start)), x = Math.max(38, Math.min(width - 38, middle));
    const free = [y - 22, y + 32].find((down) =>
      down > 12 && !taken.some(([left, top]) => Math.abs(left - x) < 80 && Math.abs(top - down) < 24));
    taken.push([x, free]);
    return free ? words(x, free, name, "strong", "middle") : "";
  }).join("");
}

// One epoch of each lane: a block is a batch, and each block that is filled was one update.
function rhythm(state, lanes, width, top) {
  const left = 82, room = width - left - 78;
  return lanes.map(({ name, batch_size, kind, looked }, row) => {
    const updates = updatesAt(state, batch_size), blocks = N / batch_size, y = top + 22 * row;
    const filled = updates && ((updates - 1) % blocks) + 1, step = room / blocks;
    return words(0, y + 13, name, looked ? "strong" : "") +
      integers(0, blocks - 1).map((i) => `<rect class="${i < filled ? `filled ${kind}` : "empty"}" x="${px(left + i * step)}"` +
        ` y="${y}" width="${px(step - 2)}" height="16" rx="2"/>`).join("") +
      words(width, y + 13, count(fixed(updates / blocks, 1), "epoch"), "soft", "end");
  }).join("");
}

// The rule of the lane looked at, and its latest update with the numbers it had.
function rule(state, { name, batch_size, path }, top) {
  const updates = updatesAt(state, batch_size), [x, y, g, h] = path[updates], from = path[Math.max(0, updates - 1)];
  const pair = (x, y) => `(${fixed(x, 3)}, ${fixed(y, 3)})`;
  return [`${name}: w ← w − η · g`, `g = mean over ${count(batch_size, "example")} of 2 (w · x − y) x`,
    `Update ${updates}: ${pair(...from)}`, `− ${state.learning_rate} · ${pair(g, h)}`, `= ${lost([x, y]) ? "diverged" : pair(x, y)}`,
  ].map((text, row) => words(0, top + 19 * row, text, row ? "" : "strong")).join("");
}

export function draw(state, width) {
  const lanes = simulate(state), view = frame(width), { height } = view, looked = lanes.find((lane) => lane.looked);
  const below = height + 60 + 22 * lanes.length;
  return { height: below + 98, layers: [
    `<svg width="${width}" height="${height}">${ground(width)}</svg>`,
    `<svg width="${width}" height="${height}">${[...lanes].sort((one, other) => one.looked - other.looked).map((lane) =>
      trail(lane, updatesAt(state, lane.batch_size), view.at)).join("")}</svg>`,
    names(state, lanes, width, view),
    words(0, height + 20, "A block: one batch, one update.", "soft") +
      words(0, height + 37, `A full row: one epoch, all ${N} examples.`, "soft") +
      rhythm(state, lanes, width, height + 46),
    rule(state, looked, below + 14),
  ] };
}

export function table(state) {
  return { head: ["Method", "updates", "read", "loss", "wins"], rows: simulate(state).map(({ name, batch_size, kind, path, wins }) => {
    const updates = updatesAt(state, batch_size);
    return [`${key(SHAPES[kind], kind)}${name}`, updates, updates * batch_size, shown(path[updates]), wins];
  }) };
}

const figure = explorable({
  title: "Three ways down one valley",
  defaults: DEFAULTS, controls: CONTROLS, views: VIEWS, draw, describe, table,
  question: "Race twice: by equal updates, then by equal examples read. Does the same batch size win both times?",
  answers: [
    ["Yes, the full batch", "By updates it wins, reading 16 times as much as B = 1. By examples it makes 1 update to 16."],
    ["No: by examples, one in the middle", "Usually: many updates, calm enough to settle. See the last column."],
    ["No: by examples, B = 1", "It comes near first, but cannot settle. With a smaller η it wins."],
  ],
});

// The starts are sliders laid over the picture: drag them, or move them with the arrow keys.
function render({ model, el, signal }) {
  const destroy = figure.render({ model, el, signal }), stage = el.lastChild.children[1];
  const layer = document.createElement("div"), starts = Object.keys(STARTS);
  layer.style = "position:relative;height:0";
  layer.innerHTML = starts.map((start) => `<div role="slider" tabindex="0" aria-label="Start, ${start}" ` +
    'aria-valuemin="-2" aria-valuemax="4" style="position:absolute;width:32px;height:32px;border:2px dashed;border-radius:50%;cursor:grab;touch-action:none"></div>').join("");
  const settle = starts.map((start, i) => {
    const node = layer.children[i], keys = keysOf(start);
    const move = (to) => {
      to.map(Math.round).forEach((value, axis) => { if (RANGES[axis].includes(value)) model.set(keys[axis], value); });
      model.save_changes();
    };
    node.onpointerdown = (event) => node.setPointerCapture(event.pointerId);
    node.onpointermove = (event) => {
      const { height, scale } = frame(stage.clientWidth), box = stage.getBoundingClientRect();
      if (node.hasPointerCapture(event.pointerId))
        move([10 + (10 * (event.clientX - box.left - box.width / 2)) / scale, -5 - (10 * (event.clientY - box.top - height / 2)) / scale]);
    };
    node.onkeydown = (event) => {
      const step = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] }[event.key];
      if (!step) return;
      event.preventDefault();
      move(keys.map((name, axis) => model.get(name) + step[axis]));
    };
    return () => {
      const weights = keys.map((name) => model.get(name) / 10), [x, y] = frame(stage.clientWidth).at(weights);
      node.hidden = start !== "mini" && model.get("look") === "sizes";
      node.style.translate = `${x - 17}px ${y - 17 - stage.clientHeight}px`;
      node.setAttribute("aria-valuenow", weights[0]);
      node.setAttribute("aria-valuetext", `w = (${weights})`);
    };
  });
  const redrawn = () => settle.forEach((one) => one());
  stage.after(layer);
  redrawn();
  new MutationObserver(redrawn).observe(stage, { subtree: true, childList: true, attributes: true });
  return destroy;
}
export default { ...figure, render };
