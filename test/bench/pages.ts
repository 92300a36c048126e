import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { resolve } from "node:path";
import { type Measured, refill } from "./figures.ts";
import { plots } from "./plots.ts";
import { readmeRows } from "./readme-rows.ts";
import { scaleRows } from "./scale-rows.ts";
import { groupLines, heading } from "./table.ts";

const root = resolve(import.meta.dirname, "../..");
const data = "docs/benchmarks.json";

export function readPage(path: string): string {
  return readFileSync(resolve(root, path), "utf8");
}

export function readMeasured(): Measured {
  return JSON.parse(readPage(data)) as Measured;
}

/** Everything that a run decides, by path: the table and its plots, and the rows of other pages that quote it. */
export function pagesOf(measured: Measured): Readonly<Record<string, string>> {
  const images = plots(measured.groups);
  return {
    "docs/benchmarks.md": benchmarksPage(measured, Object.keys(images)),
    "docs/scale.md": refill(readPage("docs/scale.md"), scaleRows(measured)),
    "README.md": refill(readPage("README.md"), readmeRows(measured)),
    ...Object.fromEntries(Object.entries(images).map(([name, svg]) => [`docs/images/${name}`, svg])),
  };
}

/** Keeps a run, for the pages to follow from. */
export function keepMeasured(measured: Measured): void {
  const digits = (_key: string, value: unknown): unknown =>
    typeof value === "number" ? Number(value.toPrecision(6)) : value;
  write(data, JSON.stringify(measured, digits));
  format([data]);
}

/** Writes what follows from the run that was kept. */
export function writePages(): void {
  const pages = pagesOf(readMeasured());
  for (const [path, text] of Object.entries(pages)) write(path, text);
  format(Object.keys(pages).filter((path) => path.endsWith(".md")));
}

function format(paths: readonly string[]): void {
  execFileSync("pnpm", ["exec", "oxfmt", ...paths], { cwd: root });
}

function write(path: string, text: string): void {
  writeFileSync(resolve(root, path), text);
}

function benchmarksPage({ date, commit, machine, groups }: Measured, images: readonly string[]): string {
  return `# Benchmarks

Written by \`pnpm bench --write\` on ${date}, at ${commit}: ${machine}.

Read the ratios. Each group is measured in rounds that are interleaved, its first row the raw baseline: what else the machine
does hits all rows alike. The other side of every connection is a process of its own on the same machine. The packages run from
their sources, imports alone from what is built: a thread that starts pays for that.

- **median, least, most**: of the rounds, in the unit of the group.
- **of raw**: the median as a ratio to the baseline's. Above 1 is faster where the unit is a speed, and more where it is
  milliseconds or MiB.
- **CPU µs**: of the measured process, all its threads, for one pair, call, event or import.
- **loop p99 ms**: how long a turn of the event loop took at most in 99 of 100; an idle loop shows 1. Left out where the work
  gives the loop no turn.

\`\`\`
${[heading(), ...groups.flatMap(groupLines)].join("\n")}
\`\`\`

${images.map((image) => `![${image.replace(".svg", "").replaceAll("-", " ")}](images/${image})`).join("\n\n")}

${readPage("test/bench/findings.md")}`;
}
