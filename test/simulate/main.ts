// `pnpm simulate [--seed N] [--runs N] [--minutes N] [--part NAME]`: clients, network, authority, stores and clocks under one
// seeded scheduler. A failure prints its seed, and the shortest plan found that fails by the same laws.
import { parseArgs } from "node:util";
import { Chance } from "../fuzz/mutate.ts";
import { callParts } from "./calls/part.ts";
import type { Part } from "./part.ts";
import { payments } from "./payments/part.ts";
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
const every = [...callParts, payments] as readonly Part<unknown>[];
const parts = every.filter(({ name }) => values.part === undefined || values.part === name);
if (parts.length === 0) throw new Error(`no such part; there are ${every.map(({ name }) => name).join(", ")}`);
const first = Number(values.seed);
const mostFindings = values.first ? 1 : 5;
const untilMs = performance.now() + Number(values.minutes) * 60_000;
watchWebCrypto();

const met = new Map<string, number>();
let failed = 0;
let seed = first;
for (; seed < first + Number(values.runs) && failed < mostFindings && performance.now() < untilMs; seed += 1) {
  for (const part of parts) {
    const plan = part.planOf(new Chance(seed));
    const outcome = await part.run(plan);
    for (const what of outcome.met) met.set(what, (met.get(what) ?? 0) + 1);
    if (outcome.breaches.length === 0) continue;
    failed += 1;
    console.error(`\n${part.name}, seed ${seed}: ${outcome.breaches.join("; ")}`);
    if (!values.first) await report(part, plan, outcome.breaches);
  }
}
console.log(`${parts.map(({ name }) => name).join(", ")}: seeds ${first} to ${seed - 1}`);
const counts = [...met].toSorted(([left], [right]) => left.localeCompare(right));
console.log(counts.map(([what, times]) => `${what} ${times}`).join(", "));
console.log(failed === 0 ? "no finding" : `${failed} findings`);
process.exitCode = failed === 0 ? 0 : 1;

async function report(part: Part<unknown>, plan: unknown, found: readonly string[]): Promise<void> {
  const kinds = new Set(found.map(kindOf));
  const fails = async (shorter: unknown): Promise<boolean> =>
    (await part.run(shorter)).breaches.some((one) => kinds.has(kindOf(one)));
  const shortest = await shorten(part, plan, fails);
  console.error(`shortest: ${(await part.run(shortest)).breaches.join("; ")}`);
  console.error(JSON.stringify(shortest, undefined, 1).replaceAll(/\n {3,}/g, " "));
}

/** A breach without the names and sums in it. */
function kindOf(breach: string): string {
  return breach
    .replace(/^[^:]*: /, "")
    .replace(/ \(.*/, "")
    .replaceAll(/\d+/g, "");
}
