// `pnpm bench [name …] [--write]`: every benchmark, or the named ones. Figures are ratios to a raw baseline in the same run.
// `--write` puts what was printed into docs/benchmarks.md.
import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { cpus } from "node:os";
import { resolve } from "node:path";
import { parseArgs } from "node:util";
import { arcp } from "./arcp.ts";
import { audit } from "./audit.ts";
import { coldStart } from "./cold-start.ts";
import { durablePairs } from "./durable-pairs.ts";
import { guardedPairs } from "./guarded-pairs.ts";
import { ledger } from "./ledger.ts";
import { scaling } from "./scaling.ts";
import { verify, verifyMemory } from "./verify.ts";

const benchmarks: Readonly<Record<string, () => Promise<unknown>>> = {
  "guarded-pairs": guardedPairs,
  "durable-pairs": durablePairs,
  ledger,
  audit,
  verify,
  "verify-memory": verifyMemory,
  arcp,
  "cold-start": coldStart,
  scaling,
};

const { values, positionals: wanted } = parseArgs({ allowPositionals: true, options: { write: { type: "boolean" } } });
for (const name of wanted) {
  if (!(name in benchmarks))
    throw new Error(`There is no benchmark "${name}"; there are ${Object.keys(benchmarks).join(", ")}.`);
}
const printed: string[] = [];
const print = console.log.bind(console);
console.log = (...texts: unknown[]) => {
  printed.push(texts.map(String).join(" "));
  print(...texts);
};
const machine = `Node ${process.version}, ${cpus().length} × ${cpus()[0]?.model ?? "unknown CPU"}`;
print(machine);
for (const [name, run] of Object.entries(benchmarks)) {
  if (wanted.length === 0 || wanted.includes(name)) await run();
}
if (values.write) writeFileSync(resolve(import.meta.dirname, "../../docs/benchmarks.md"), page());
process.exit(0);

function page(): string {
  const commit = execFileSync("git", ["rev-parse", "--short", "HEAD"], { encoding: "utf8" }).trim();
  const plots = wanted.length === 0 || wanted.includes("scaling");
  return `# Benchmarks

Written by \`pnpm bench --write\` on ${new Date().toISOString().slice(0, 10)}, at ${commit}: ${machine}.

Read the ratios. Each is to a raw baseline that was measured in the same run, its rounds interleaved with ours: what else the
machine does hits both alike. The other side of every connection is a process of its own on the same machine.

\`\`\`
${printed.join("\n").trim()}
\`\`\`
${plots ? "\n![pairs by calls in flight](images/pairs-by-in-flight.svg)\n\n![ledger pairs by budgets](images/ledger-by-budgets.svg)\n" : ""}`;
}
