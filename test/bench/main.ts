// `pnpm bench [name …]`: every benchmark, or the named ones. Figures are ratios to a raw baseline in the same run.
import { cpus } from "node:os";
import { durablePairs } from "./durable-pairs.ts";
import { guardedPairs } from "./guarded-pairs.ts";

const benchmarks: Readonly<Record<string, () => Promise<unknown>>> = {
  "guarded-pairs": guardedPairs,
  "durable-pairs": durablePairs,
};

const wanted = process.argv.slice(2);
console.log(`Node ${process.version}, ${cpus().length} × ${cpus()[0]?.model ?? "unknown CPU"}`);
for (const [name, run] of Object.entries(benchmarks)) {
  if (wanted.length === 0 || wanted.includes(name)) await run();
}
process.exit(0);
