// `pnpm bench [name …] [--quick] [--write]`: one table over all benchmarks, or the named ones. `--quick` only shows that
// they work. `--write` takes a whole run, keeps it in docs/benchmarks.json and writes the pages that follow from it;
// `pnpm bench --pages` writes them from the run that was kept.
import { execFileSync } from "node:child_process";
import { cpus, loadavg } from "node:os";
import { parseArgs } from "node:util";
import { arcp } from "./arcp.ts";
import { coldStart } from "./cold-start.ts";
import { durablePairs } from "./durable-pairs.ts";
import { envelopes } from "./envelopes.ts";
import { feeds } from "./feeds.ts";
import { gateway } from "./gateway.ts";
import { guardedFetch } from "./guard-fetch.ts";
import { guardedPairs } from "./guarded-pairs.ts";
import { inProcess, ledger } from "./ledger.ts";
import type { Benchmark, Effort, Group } from "./measure.ts";
import { memory } from "./memory.ts";
import { payments } from "./payments.ts";
import { servedPairs } from "./served-pairs.ts";
import { groupLines, heading } from "./table.ts";
import { keepMeasured, writePages } from "./pages.ts";

const benchmarks: Readonly<Record<string, Benchmark>> = {
  "guarded-pairs": guardedPairs,
  "durable-pairs": durablePairs,
  "served-pairs": servedPairs,
  "guard-fetch": guardedFetch,
  gateway,
  payments,
  ledger,
  "in-process": inProcess,
  envelopes,
  feeds,
  arcp,
  "cold-start": coldStart,
  memory,
};

const flag = { type: "boolean", default: false } as const;
const { values, positionals: wanted } = parseArgs({
  allowPositionals: true,
  options: { quick: flag, write: flag, pages: flag },
});
if (values.pages) {
  writePages();
  process.exit(0);
}
const unknown = wanted.find((name) => !(name in benchmarks));
if (unknown !== undefined) {
  throw new Error(`There is no benchmark "${unknown}"; there are ${Object.keys(benchmarks).join(", ")}.`);
}
if (values.write && (values.quick || wanted.length > 0)) {
  throw new Error("The pages are written from one whole run: --write goes without names and without --quick.");
}

const whole: Effort = { count: (full) => full, rounds: (full) => full };
const quick: Effort = { count: (full) => Math.ceil(full / 50), rounds: () => 1 };
const load = loadavg()[0]?.toFixed(1);
const machine = `Node ${process.version}, ${cpus().length} × ${cpus()[0]?.model ?? "unknown CPU"}, load ${load} before`;
console.log(`${machine}\n\n${heading()}`);
const groups: Group[] = [];
for (const [name, run] of Object.entries(benchmarks)) {
  if (wanted.length > 0 && !wanted.includes(name)) continue;
  for await (const group of run(values.quick ? quick : whole)) {
    groups.push(group);
    console.log(groupLines(group).join("\n"));
  }
}
if (values.write) {
  const commit = execFileSync("git", ["rev-parse", "--short", "HEAD"], { encoding: "utf8" }).trim();
  const date = new Date().toISOString().slice(0, 10);
  keepMeasured({ date, commit, machine, processors: cpus().length, groups });
  writePages();
}
// Pools keep idle connections.
process.exit(0);
