// Writes pictures/VIEW.html, the still form of every view of every explorable, by the code that
// draws it on the page:   node src/coursekit/explorables/pictures.mjs
// With --check it writes nothing and fails if a stored picture is not what the code draws now.

import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { picture, prediction, table } from "./core.mjs";

const here = new URL(".", import.meta.url), folder = new URL("pictures/", here);
const names = readdirSync(here)
  .filter((file) => file.endsWith(".mjs") && existsSync(new URL(file.replace(".mjs", ".py"), here)))
  .map((file) => file.replace(".mjs", ""))
  .filter((name) => name !== "core");
// Everything but the controls, as HTML: what a reader without JavaScript, or a printer, gets.
const still = (figure, state) =>
  `${prediction(figure)}<div class="wide">${picture(figure, state, 680)}</div>` +
  `<div class="narrow">${picture(figure, state, 320)}</div>` +
  `<p class="sentence">${figure.describe(state)}</p>` +
  `<div class="numbers">${table(figure.table(state))}</div>`;

mkdirSync(folder, { recursive: true });
let stale = 0;
for (const name of names) {
  const { default: figure } = await import(new URL(`${name}.mjs`, here));
  for (const [view, changes] of Object.entries(figure.views)) {
    const file = new URL(`${view}.html`, folder);
    const text = `<figcaption>${figure.title}</figcaption>\n<div class="explorable-still explorable-body">` +
      `${still(figure, { ...figure.defaults, ...changes })}</div>\n`;
    if (existsSync(file) && readFileSync(file, "utf8") === text) continue;
    stale += 1;
    if (process.argv.includes("--check")) console.error(`pictures/${view}.html is not current`);
    else writeFileSync(file, text);
  }
}
if (process.argv.includes("--check") && stale) process.exit(1);
