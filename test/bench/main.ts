// `pnpm bench [name …]`: every benchmark, or the named ones. Figures are ratios to a raw baseline in the same run.
import { cpus } from "node:os";
import { arcp } from "./arcp.ts";
import { audit } from "./audit.ts";
import { durablePairs } from "./durable-pairs.ts";
import { guardedPairs } from "./guarded-pairs.ts";
import { ledger } from "./ledger.ts";
import { verify, verifyMemory } from "./verify.ts";

const benchmarks: Readonly<Record<string, () => Promise<unknown>>> = {
  "guarded-pairs": guardedPairs,
  ledger,
  audit,
  arcp,
  verify,
  "verify-memory": verifyMemory,
  "durable-pairs": durablePairs,
};

const wanted = process.argv.slice(2);
for (const name of wanted) {
  if (!(name in benchmarks))
    throw new Error(`There is no benchmark "${name}"; there are ${Object.keys(benchmarks).join(", ")}.`);
}
console.log(`Node ${process.version}, ${cpus().length} × ${cpus()[0]?.model ?? "unknown CPU"}`);
for (const [name, run] of Object.entries(benchmarks)) {
  if (wanted.length === 0 || wanted.includes(name)) await run();
}
process.exit(0);
