import { explorable, integers, key, line, mark, memo, mulberry32, px, words } from "./core.mjs";

// Who is computed when, and in which memory? The rules are those of coursekit.decoding.Engine.

const REQUESTS = 16;
export const DEFAULTS = { policy: "static", slots: 4, block: 4, memory: 64, seed: 690, left: 0 };
export const CONTROLS = [
  { key: "policy", label: "Batching", values: ["static", "continuous"], names: ["static", "continuous"] },
  { key: "slots", label: "Slots", values: [1, 2, 4, 6, 8] },
  { key: "block", label: "block_size, in tokens", values: [1, 2, 4, 8, 16, 32] },
  { key: "memory", label: "Cache, in tokens", values: [32, 64, 128, 256] },
  { key: "seed", again: "New requests", values: integers(0, 999) },
  { key: "left", label: "Steps to go", play: "Step", values: (state) => integers(0, simulate(state).steps).reverse() },
];
export const VIEWS = { scheduler: {}, "scheduler-continuous": { policy: "continuous" },
  "scheduler-reserved": { policy: "continuous", block: 32 }, "scheduler-short": { policy: "continuous", memory: 32 } };

// ---- simulation, mirrored in scheduler.py ----

// Prompts of 2 to 8 tokens; 1 to 24 new tokens, most of them few.
const askedFor = memo((seed) => {
  const random = mulberry32(seed);
  return integers(1, REQUESTS).map(() => {
    const prompt = 2 + Math.floor(7 * random()), u = random();
    return [prompt, 1 + Math.floor(24 * u * u)];
  });
});

const schedule = memo((policy, slots, block, memory, seed) => {
  const requests = askedFor(seed), total = Math.floor(memory / block);
  const togo = requests.map(([, fresh]) => fresh), queue = integers(0, REQUESTS - 1), running = [];
  const lanes = Array(slots).fill(null), ended = [], started = [];
  const run = { requests, bars: [], carried: [], preempted: [], used: [], cached: [], waiting: [], again: 0 };
  let free = total, step = 0;
  const stop = (row) => {
    running.splice(running.indexOf(row), 1);
    lanes[row.slot] = null;
    free += row.blocks;
    if (step > row.since) run.bars.push([row.request, row.slot, row.since, step]);
  };
  const close = () => {
    for (const [slot, since] of ended.splice(0)) if (step > since) run.carried.push([slot, since, step]);
  };
  while (queue.length || running.length) {
    for (let i = 0; i < running.length;) { // room for those who run, oldest first
      const row = running[i], needed = Math.ceil((row.length + 1) / block) - row.blocks;
      if (needed > free) {
        const youngest = running.at(-1);
        stop(youngest);
        queue.unshift(youngest.request);
        run.preempted.push([step, youngest.request]);
        if (policy === "static") ended.push([youngest.slot, step]);
      } else {
        free -= needed;
        row.blocks += needed;
        row.length += 1;
        i += 1;
      }
    }
    if (policy === "continuous" || !running.length) {
      close();
      while (queue.length && running.length < slots) {
        const request = queue[0], [prompt, fresh] = requests[request];
        const length = prompt + fresh - togo[request] - 1, blocks = Math.ceil((length + 1) / block);
        if (blocks > free) break;
        queue.shift();
        if (started[request]) run.again += length;
        started[request] = true;
        const row = { request, slot: lanes.indexOf(null), since: step, length: length + 1, blocks };
        lanes[row.slot] = row;
        free -= blocks;
        running.push(row);
      }
    }
    run.used.push(total - free);
    run.cached.push(running.reduce((sum, row) => sum + row.length, 0));
    run.waiting.push(queue.length);
    step += 1;
    for (const row of [...running]) {
      togo[row.request] -= 1;
      if (togo[row.request]) continue;
      stop(row);
      if (policy === "static") ended.push([row.slot, step]);
    }
  }
  close();
  return { ...run, steps: step };
});

export function simulate({ policy, slots, block, memory, seed }) {
  const other = schedule(policy === "static" ? "continuous" : "static", slots, block, memory, seed);
  return { ...schedule(policy, slots, block, memory, seed), other: other.steps };
}

// What stands in memory during the last step shown.
function shown(state) {
  const run = simulate(state), now = run.steps - state.left, total = Math.floor(state.memory / state.block);
  const [used, cached] = now ? [run.used[now - 1], run.cached[now - 1]] : [0, 0];
  const lost = run.preempted.filter(([step]) => step < now).length;
  return { ...run, now, total, used_now: used, cached_now: cached, waste: used * state.block - cached, lost };
}

const count = (number, thing) => `${number} ${thing}${number === 1 ? "" : "s"}`;
const is = (number) => (number === 1 ? "is" : "are");

export function describe(state) {
  const { policy, slots } = state, { steps, other, now, total, used, used_now, cached_now, waste, lost } = shown(state);
  const peak = Math.max(...used), [name, rival] = policy === "static" ? ["Static", "continuous"] : ["Continuous", "static"];
  return `${name} batching over ${count(slots, "slot")} serves ${REQUESTS} requests in ${steps} steps, ${rival} batching in ${other}. ` +
    `${now ? `In step ${now},` : "Before the first step"} ${used_now} of ${count(total, "block")} ${is(used_now)} in use, with ${count(cached_now, "token")} and room for ${waste} more; ` +
    `${count(lost, "preemption")} so far. At most ${peak} ${is(peak)} in use at once.`;
}

// ---- picture ----

const LANE = 26, TOP = 10, TALL = 96;
function frame(state, width) {
  const { steps, other } = simulate(state), end = Math.ceil(Math.max(steps, other) / 20) * 20, left = 52;
  const scale = (width - left - 16) / end, floor = TOP + LANE * state.slots + 52 + TALL;
  return { end, left, scale, floor, right: width - 16, x: (step) => left + scale * step, y: (slot) => TOP + LANE * slot,
    level: (tokens) => floor - (TALL * tokens) / state.memory };
}

function grid({ slots, memory }, { end, left, right, x, y, floor, level }) {
  const every = end > 200 ? 100 : end > 100 ? 40 : 20;
  return integers(0, slots - 1).map((slot) => words(0, y(slot) + 17, `slot ${slot + 1}`)).join("") +
    integers(0, Math.floor(end / every)).map((i) => line("soft", [x(i * every), TOP - 8], [x(i * every), floor]) +
      words(x(i * every), floor + 16, i * every, "soft", "middle")).join("") +
    words(0, floor + 16, "steps", "soft") +
    words(left, y(slots) + 20, "cache, in tokens", "strong") + words(left - 6, level(0) + 4, 0, "soft", "end") +
    line("blue", [left, level(memory)], [right, level(memory)]) + words(left - 6, level(memory) + 4, memory, "soft", "end");
}

export function draw(state, width) {
  const place = frame(state, width), { x, y, scale, floor, level } = place, { block } = state;
  const { bars, carried, preempted, used, cached, now } = shown(state);
  const box = (kind, slot, from, to, name) => {
    const stop = Math.min(to, now), wide = scale * (stop - from) - 1;
    if (stop <= from) return "";
    return `<rect class="${kind}" x="${px(x(from) + 0.5)}" y="${y(slot)}" width="${px(Math.max(wide, 1))}" height="${LANE - 4}" rx="2"/>` +
      (name && wide > (name > 9 ? 18 : 11) ? words(x(from) + 0.5 + wide / 2, y(slot) + 16, name, "on-vermillion", "middle") : "");
  };
  const stairs = (sizes) => sizes.slice(0, now).flatMap((size, i) => [[x(i), level(size)], [x(i + 1), level(size)]]);
  const lanes = bars.map(([request, slot, from, to]) => box("filled vermillion", slot, from, to, request + 1)).join("") +
    carried.map(([slot, from, to]) => box("line ink thin dashed", slot, from, to)).join("");
  const signs = preempted.filter(([step]) => step < now).map(([step]) => mark("cross", "ink", x(step), floor - TALL - 12)).join("");
  const held = stairs(used.map((blocks) => blocks * block)), tokens = stairs(cached);
  return { height: floor + 24, layers: [grid(state, place), lanes,
    now ? line("ink", ...held) + line("vermillion", ...tokens) + signs : ""] };
}

export function table(state) {
  const { policy, slots, block } = state, { steps, other, now, total, used_now, cached_now, waste, lost, again, bars, waiting } = shown(state);
  let busy = 0;
  for (const [, , from, to] of bars) busy += Math.max(0, Math.min(to, now) - from);
  const [fixed_steps, free_steps] = policy === "static" ? [steps, other] : [other, steps];
  return { head: ["After these steps", "value"], rows: [
    ["Steps in the end: static, continuous", `${fixed_steps}, ${free_steps}`],
    [`${key("square", "vermillion")}Slots that gave a token`, `${busy} of ${slots * now}`],
    [`${key("rule", "ink")}Blocks of ${block}: in use + free = all`, `${used_now} + ${total - used_now} = ${total}`],
    [`${key("rule", "vermillion")}Tokens cached + room unused`, `${cached_now} + ${waste} = ${used_now * block}`],
    [`${key("cross", "ink")}Preemptions; tokens computed twice in the end`, `${lost}; ${again}`],
    ["Requests that wait", now ? waiting[now - 1] : REQUESTS],
  ] };
}

const first = simulate(DEFAULTS);

export default explorable({
  title: "Slots, steps and pages", defaults: DEFAULTS, controls: CONTROLS, views: VIEWS, draw, describe, table,
  question: `Four slots serve 16 requests. In static batches a slot whose text is done waits for the longest one: ${first.steps} steps. A free slot could take the next request at once. How many steps then?`,
  answers: [
    ["About as many: the tokens are the same", `The tokens are, the steps are not. Dashed boxes are slots computed for nobody. Choose “continuous”: ${first.other} steps for the same tokens.`],
    ["A little more than half", `Yes, ${first.other} instead of ${first.steps}. Now make block_size 32, a whole row reserved for each request: only two fit into the cache, and half of the slots stay empty.`],
    ["A quarter: four slots, four times as fast", `All slots were in use before, only not all the time. Choose “continuous”: ${first.other} steps. What is left empty at the end is the last long request, alone.`],
  ],
});
