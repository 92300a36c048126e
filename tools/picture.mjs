// `pnpm docs:picture`: runs `imprest demo` and draws what it printed as `docs/images/demo.svg`.
// `--check` draws nothing and fails where the picture is not what the demo prints.
import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";

const root = resolve(import.meta.dirname, "..");
const picture = join(root, "docs/images/demo.svg");
const cell = { width: 8, height: 19 };
const margin = 18;
const colours = { text: "#d6dde6", dim: "#8b98a9", budget: "#5ec58b", stop: "#f0a75f" };

const escaped = (text) => text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");

function colourOf(line) {
  if (line.startsWith("Stopped")) return colours.stop;
  return /^(#|\*|An agent)/.test(line) ? colours.dim : colours.text;
}

/** One line of the terminal, its gauge in a colour of its own; each run of text keeps to the grid, whatever the font. */
function drawn(line, row) {
  const y = margin + (row + 0.8) * cell.height;
  const runs = Array.from(line.matchAll(/[█░]+|[^█░\s]+(?: [^█░\s]+)*/g), ({ 0: text, index }) => {
    const fill = /[█░]/.test(text) ? colours.budget : colourOf(line);
    const place = `x="${margin + index * cell.width}" textLength="${text.length * cell.width}"`;
    return `<tspan ${place} fill="${fill}">${escaped(text)}</tspan>`;
  });
  return runs.length === 0 ? [] : [`<text y="${y}">${runs.join("")}</text>`];
}

function draw(output) {
  const lines = output.trimEnd().split("\n");
  const width = 2 * margin + Math.max(...lines.map((line) => line.length)) * cell.width;
  const height = 2 * margin + lines.length * cell.height;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img"`,
    `  font-family="ui-monospace, SFMono-Regular, Menlo, Consolas, monospace" font-size="13">`,
    "<title>What npx imprest demo prints</title>",
    `<rect width="${width}" height="${height}" rx="8" fill="#161b22"/>`,
    ...lines.flatMap(drawn),
    "</svg>",
    "",
  ].join("\n");
}

const demo = ["--conditions=@imprest/source", "packages/imprest/bin/imprest.js", "demo"];
const svg = draw(execFileSync(process.execPath, demo, { cwd: root, encoding: "utf8" }));
if (!process.argv.includes("--check")) writeFileSync(picture, svg);
else if (readFileSync(picture, "utf8") !== svg) {
  console.error("docs/images/demo.svg is not what the demo prints; run pnpm docs:picture");
  process.exit(1);
}
