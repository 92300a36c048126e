// `pnpm simulate [--seed N] [--runs N] [--minutes N] [--part cycles|asp|embedded]`: clients, network, authority, stores and
// clocks under one seeded scheduler. A failure prints its seed, and the shortest plan found that fails by the same laws.
import { parseArgs } from "node:util";
import { Chance } from "../fuzz/mutate.ts";
import { type Plan, planOf, wires } from "./plan.ts";
import { run } from "./run.ts";
import { shorten } from "./shorten.ts";
import { watchWebCrypto } from "./world.ts";

const { values } = parseArgs({
  options: {
    seed: { type: "string", default: "1" },
    runs: { type: "string", default: "1000" },
    minutes: { type: "string", default: "1000" },
    part: { type: "string" },
    /** Ends with the first failure, as it was found. */
    first: { type: "boolean", default: false },
  },
});
const parts = wires.filter((one) => values.part === undefined || values.part === one);
if (parts.length === 0) throw new Error(`no such part; there are ${wires.join(", ")}`);
const first = Number(values.seed);
const untilMs = performance.now() + Number(values.minutes) * 60_000;
watchWebCrypto();

const made = new Map(parts.map((part) => [part, 0]));
const met = new Map<string, number>();
let failed = 0;
search: for (let seed = first; seed < first + Number(values.runs); seed += 1) {
  for (const part of parts) {
    if (performance.now() > untilMs) break search;
    const plan = planOf(new Chance(seed), part);
    const outcome = await run(plan);
    made.set(part, (made.get(part) ?? 0) + 1);
    for (const what of outcome.met) met.set(what, (met.get(what) ?? 0) + 1);
    if (outcome.breaches.length === 0) continue;
    await report(part, seed, plan, outcome.breaches);
    if ((failed += 1) === (values.first ? 1 : 5)) break search;
  }
}
for (const [part, runs] of made) console.log(`${part.padEnd(10)}${runs} runs from seed ${first}`);
const counts = [...met].toSorted(([left], [right]) => left.localeCompare(right));
console.log(counts.map(([what, times]) => `${what} ${times}`).join(", "));
console.log(failed === 0 ? "no finding" : `${failed} findings`);
process.exitCode = failed === 0 ? 0 : 1;

async function report(part: string, seed: number, plan: Plan, found: readonly string[]): Promise<void> {
  console.error(`\n${part}, seed ${seed}: ${found.join("; ")}`);
  if (values.first) return;
  const kinds = new Set(found.map(kindOf));
  const fails = async (shorter: Plan): Promise<boolean> =>
    (await run(shorter)).breaches.some((one) => kinds.has(kindOf(one)));
  const shortest = await shorten(plan, fails);
  console.error(`shortest: ${(await run(shortest)).breaches.join("; ")}`);
  console.error(JSON.stringify(shortest, undefined, 1).replaceAll(/\n {3,}/g, " "));
}

/** A breach without the names and sums in it. */
function kindOf(breach: string): string {
  return breach
    .replace(/^[^:]*: /, "")
    .replace(/ \(.*/, "")
    .replaceAll(/\d+/g, "");
}
