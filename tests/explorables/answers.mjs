// node answers.mjs MODULE < {"states": […], "wanted": [names]}: what the module says of each state.

import { readFileSync } from "node:fs";
import { pathToFileURL } from "node:url";
import { picture } from "../../src/coursekit/explorables/core.mjs";

const { states, wanted } = JSON.parse(readFileSync(0, "utf8"));
const module = await import(pathToFileURL(process.argv[2]));
const figure = module.default;
const ways = {
  simulation: (state) => module.simulate(state),
  sentence: (state) => figure.describe(state),
  narrow: (state) => picture(figure, state, 304),
  wide: (state) => picture(figure, state, 680),
  table: (state) => figure.table(state),
  controls: (state) => figure.controls.map(({ values, ...control }) =>
    ({ ...control, values: typeof values === "function" ? values(state) : values })),
  defaults: () => figure.defaults,
  views: () => figure.views,
};
const said = states.map((state) =>
  Object.fromEntries(wanted.map((name) => [name, ways[name](state)])));
process.stdout.write(JSON.stringify(said));
