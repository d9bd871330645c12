// The shared core of every explorable: numbers, marks, state, controls, player, theme, clean-up.
// A figure imports from here on its first line and is otherwise its own maths and drawing.
// When a figure is shipped, bundle.py puts this text in place of that line.

// ---- numbers: only + - * / sqrt and 32-bit steps, so that core.py matches bit for bit ----

export function mulberry32(seed) {
  let counter = seed >>> 0;
  return () => {
    counter = (counter + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(counter ^ (counter >>> 15), counter | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}

// Fixed decimals, ties away from zero, a true minus sign, never "−0.00".
export function fixed(value, places = 2) {
  const scaled = Math.floor(Math.abs(value) * 10 ** places + 0.5);
  return (value < 0 && scaled > 0 ? "−" : "") + (scaled / 10 ** places).toFixed(places);
}

export const integers = (from, to) => Array.from({ length: to - from + 1 }, (_, i) => from + i);

// A pure function that remembers its latest results.
export function memo(compute) {
  const results = new Map();
  return (...args) => {
    const name = args.join();
    if (results.size > 40) results.clear();
    if (!results.has(name)) results.set(name, compute(...args));
    return results.get(name);
  };
}

// ---- marks: SVG text, one unit is one CSS pixel, colors are classes ----

export const px = (value) => Math.round(value * 10) / 10;
export const words = (x, y, content, kind = "", anchor = "start") =>
  `<text class="${kind}" x="${px(x)}" y="${px(y)}" text-anchor="${anchor}">${content}</text>`;
export const line = (kind, ...points) =>
  `<path class="line ${kind}" d="M${points.map(([x, y]) => `${px(x)} ${px(y)}`).join("L")}"/>`;
const SHAPES = {
  ring: "M-8.5 0a8.5 8.5 0 1 0 17 0a8.5 8.5 0 1 0-17 0",
  dot: "M-6 0a6 6 0 1 0 12 0a6 6 0 1 0-12 0",
  speck: "M-3 0a3 3 0 1 0 6 0a3 3 0 1 0-6 0",
  square: "M-5-5h10v10h-10z",
  walk: "M-5-5h10v10h-10zM-10-1h20v2h-20z",
  cross: "M-6-6L6 6M6-6L-6 6",
  rule: "M-8 0h16",
};
export const mark = (shape, kind, x, y) =>
  `<path class="${shape} ${kind}" d="${SHAPES[shape]}" transform="translate(${px(x)} ${px(y)})"/>`;
// A mark inside running text or a table: it makes the table the legend.
export const key = (shape, kind) =>
  `<svg class="key" viewBox="-10 -10 20 20" aria-hidden="true">${mark(shape, kind, 0, 0)}</svg>`;

// ---- state: every control names one key and the values it may take ----

const valuesOf = (control, state) =>
  typeof control.values === "function" ? control.values(state) : control.values;
// Reads a whole state; what is missing or not allowed becomes the default or the nearest end.
export function accept(figure, get) {
  const state = { ...figure.defaults };
  for (const control of figure.controls) {
    const values = valuesOf(control, state), value = get(control.key), most = Math.max(values[0], values.at(-1));
    if (values.includes(value)) state[control.key] = value;
    else if (typeof value === "number" && value > most) state[control.key] = most;
    else if (!values.includes(state[control.key])) state[control.key] = values.at(-1);
  }
  return state;
}

// ---- the parts of a figure, as text: used on the page, in the static picture and in tests ----

const escaped = (content) =>
  content.replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/"/g, "&quot;");
export const picture = (figure, state, width) => {
  const { height, layers } = figure.draw(state, width);
  return `<svg class="picture" viewBox="0 0 ${width} ${height}" width="${width}" ` +
    `height="${height}" role="img" aria-label="${escaped(figure.describe(state))}">` +
    `${layers.map((layer) => `<g>${layer}</g>`).join("")}</svg>`;
};
export const table = ({ head, rows }) =>
  `<table><thead><tr>${head.map((cell) => `<th scope="col">${cell}</th>`).join("")}</tr></thead>` +
  `<tbody>${rows.map(([first, ...cells]) => `<tr><th scope="row">${first}</th>` +
    `${cells.map((cell) => `<td>${cell}</td>`).join("")}</tr>`).join("")}</tbody></table>`;
export const prediction = ({ question, answers }) =>
  `<div class="prediction"><p><b>Predict first.</b> ${question}</p>` +
  `${answers.map(([answer, feedback]) =>
    `<details><summary>${answer}</summary><p>${feedback}</p></details>`).join("")}</div>`;

// ---- the page ----

// Dark or light, read from what is painted behind the figure: hosts disagree about attributes.
function pageBehind(node) {
  for (let at = node; at; at = at.parentElement ?? at.getRootNode().host) {
    const painted = getComputedStyle(at).backgroundColor.match(/[\d.]+/g).map(Number);
    const [red, green, blue, alpha = 1] = painted;
    if (alpha > 0.5) return 0.299 * red + 0.587 * green + 0.114 * blue < 128 ? "dark" : "light";
  }
  return matchMedia("(prefers-color-scheme: dark)").matches &&
    getComputedStyle(document.documentElement).colorScheme.includes("dark") ? "dark" : "light";
}

const element = (tag, properties = {}, ...children) => {
  const node = Object.assign(document.createElement(tag), properties);
  node.append(...children);
  return node;
};
const write = (node, html) => {
  if (node.written !== html) node.innerHTML = node.written = html;
};

// Each maker returns [node, update(state)]; `set(key, value, finished)` changes the state.
const MAKERS = {
  range(control, set, signal) {
    const input = element("input", { type: "range", min: 0, step: 1 }), value = element("b");
    let values;
    input.setAttribute("aria-label", control.label);
    input.addEventListener("input", () => set(control.key, values[input.value]), { signal });
    input.addEventListener("change", () => set(control.key, values[input.value], true), { signal });
    const update = (state) => {
      values = valuesOf(control, state);
      const shown = `${state[control.key]}${control.of ? ` of ${values.at(-1)}` : ""}`;
      input.max = values.length - 1;
      input.value = values.indexOf(state[control.key]);
      input.setAttribute("aria-valuetext", shown);
      value.textContent = shown;
    };
    const name = element("span", {}, `${control.label}${control.of ? " " : " = "}`, value);
    return [element("label", {}, name, input), update];
  },
  choice(control, set, signal) {
    const { key: name, values, names } = control;
    const inputs = values.map((value) => element("input", { type: "radio", name, value }));
    const labels = inputs.map((input, i) =>
      element("label", {}, input, element("span", {}, names[i])));
    inputs.forEach((input, i) =>
      input.addEventListener("change", () => set(name, values[i], true), { signal }));
    const update = (state) => inputs.forEach((input, i) => {
      input.checked = state[name] === values[i];
    });
    return [element("fieldset", {}, element("legend", {}, control.label), ...labels), update];
  },
};

export function explorable(figure) {
  function render({ model, el, signal }) {
    const ending = new AbortController(), { signal: ended } = ending;
    const button = (name, act) => {
      const node = element("button", { type: "button", textContent: name });
      node.addEventListener("click", act, { signal: ended });
      return node;
    };
    const read = () => accept(figure, (name) => model.get(name)), first = read();
    const set = (name, value, finished) => {
      model.set(name, value);
      if (finished) restore(read());
    };
    const restore = (state) => {
      for (const name in state) model.set(name, state[name]);
      model.save_changes();
    };

    // The player moves one control, the one marked `play`.
    const time = figure.controls.find((control) => control.play);
    const again = figure.controls.find((control) => control.again);
    const last = () => valuesOf(time, read()).length - 1;
    const position = () => valuesOf(time, read()).indexOf(read()[time.key]);
    const goTo = (index, finished) => set(time.key, valuesOf(time, read())[index], finished);
    let frame = 0, held = 0, speaking = 0, width = 0;
    const speakSoon = () => {
      clearTimeout(speaking);
      if (!frame) speaking = setTimeout(speak, 250);
    };
    const stop = () => {
      if (!frame) return;
      model.save_changes();
      cancelAnimationFrame(frame);
      frame = 0;
      speakSoon();
      play.textContent = "▶︎ Play";
    };
    const play = button("▶︎ Play", () => {
      if (frame) return stop();
      if (matchMedia("(prefers-reduced-motion: reduce)").matches) return goTo(last(), true);
      const from = position() === last() ? 0 : position();
      let began;
      play.textContent = "❚❚ Pause";
      const tick = (now) => {
        // A link may have gone elsewhere.
        if (began && position() !== held) return stop();
        began ??= now;
        const index = Math.min(last(), from + Math.floor(((now - began) / 6000) * last()));
        goTo(index);
        held = index;
        if (index === last()) stop();
        else frame = requestAnimationFrame(tick);
      };
      frame = requestAnimationFrame(tick);
    });
    const buttons = [
      play,
      button(time.play, () => { stop(); goTo(position() === last() ? 1 : position() + 1, true); }),
      button(again.again, () =>
        set(again.key, (read()[again.key] + 1) % again.values.length, true)),
      button("Reset", () => { stop(); restore(first); }),
    ];

    const made = figure.controls.filter((control) => control.label).map((control) =>
      [control, ...MAKERS[control.names ? "choice" : "range"](control, (name, value, finished) => {
        stop();
        set(name, value, finished);
      }, ended)]);
    const nodes = (playing) =>
      made.filter(([control]) => !control.play !== playing).map(([, node]) => node);
    const shown = element("div"), numbers = element("div", { className: "numbers" });
    const sentence = element("p", { className: "sentence" });
    sentence.setAttribute("role", "status");
    const controls = element("form", { className: "controls" },
      element("div", { className: "player" },
        element("div", { className: "buttons" }, ...buttons), ...nodes(true)),
      element("div", { className: "choices" }, ...nodes(false)));
    // Direct manipulation: a figure may say which state a place in its picture stands for.
    // A finger that goes down may be about to scroll: wait for it to move, and take all back if the
    // browser then takes the pointer away.
    let before;
    const dragged = ({ type, button, pointerId, pointerType, clientX, clientY }) => {
      if (type === "pointerdown" && !button) {
        shown.setPointerCapture(pointerId);
        before = read();
        if (pointerType === "touch") return;
      }
      if (!shown.hasPointerCapture(pointerId)) return;
      stop();
      const { left, top } = shown.getBoundingClientRect();
      const changes = type === "pointercancel" ? before
        : figure.drag?.(clientX - left, clientY - top, read(), width);
      for (const name in changes) set(name, changes[name], true);
    };
    for (const type of ["down", "move", "up", "cancel"])
      shown.addEventListener(`pointer${type}`, dragged, { signal: ended });
    controls.addEventListener("submit", (event) => event.preventDefault(), { signal: ended });
    const root = element("div", { className: "explorable-live explorable-body", innerHTML: prediction(figure) },
      shown, controls, sentence, numbers);
    root.setAttribute("role", "group");
    root.setAttribute("aria-label", figure.title);

    const speak = () => {
      const said = figure.describe(read());
      sentence.textContent = said;
      shown.firstChild?.setAttribute("aria-label", said);
    };
    const refresh = () => {
      const state = read();
      for (const [, , update] of made) update(state);
      write(numbers, table(figure.table(state)));
      if (width) {
        const { height, layers } = figure.draw(state, width), svg = shown.firstChild;
        if (svg?.childElementCount === layers.length) {
          const size = { viewBox: `0 0 ${width} ${height}`, width, height };
          for (const name in size) svg.setAttribute(name, size[name]);
          layers.forEach((layer, i) => write(svg.children[i], layer));
        } else shown.innerHTML = picture(figure, state, width);
      }
      speakSoon();
    };
    const fit = () => {
      const now = Math.floor(root.clientWidth);
      if (now && now !== width) { width = now; refresh(); }
    };
    const paint = () => { root.dataset.page = pageBehind(el); };

    const resized = new ResizeObserver(fit), restyled = new MutationObserver(paint);
    const destroy = () => {
      ending.abort();
      stop();
      clearTimeout(speaking);
      resized.disconnect();
      restyled.disconnect();
      for (const name in figure.defaults) model.off(`change:${name}`, refresh);
      root.remove();
    };
    el.append(root);
    paint();
    fit();
    refresh();
    speak();
    for (const name in figure.defaults) model.on(`change:${name}`, refresh);
    resized.observe(root);
    for (const node of [document.documentElement, document.body])
      restyled.observe(node, { attributes: true });
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", paint, { signal: ended });
    signal?.addEventListener("abort", destroy, { once: true });
    return destroy;
  }

  return { ...figure, render };
}
