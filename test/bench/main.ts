// `pnpm bench [name …]`: every benchmark, or the named ones. Figures are ratios to a raw baseline in the same run.
import { cpus } from "node:os";
import { audit } from "./audit.ts";
import { guardedPairs } from "./guarded-pairs.ts";

const benchmarks: Readonly<Record<string, () => Promise<void>>> = { "guarded-pairs": guardedPairs, audit };

const wanted = process.argv.slice(2);
console.log(`Node ${process.version}, ${cpus().length} × ${cpus()[0]?.model ?? "unknown CPU"}`);
for (const [name, run] of Object.entries(benchmarks)) {
  if (wanted.length === 0 || wanted.includes(name)) await run();
}
process.exit(0);
