// `pnpm fuzz [TARGET …] [--count N] [--seed S]`: readers of strangers' input under mutated input, repeatable from the seed.
// Exits with 1, and prints the input, for a crash, a refusal that is not typed, a hang or memory that grows.
import { parseArgs } from "node:util";
import { Chance, mutate } from "./mutate.ts";
import type { Target } from "./target.ts";
import { arcpSession } from "./targets/arcp-session.ts";
import { embeddedHttp } from "./targets/embedded-http.ts";
import { httpSocket } from "./targets/http-socket.ts";
import { modelRequests, priceFiles, usageObjects } from "./targets/model-wires.ts";
import { sdJwt } from "./targets/sd-jwt.ts";
import { strictJson } from "./targets/strict-json.ts";

const targets = [strictJson, sdJwt, arcpSession, embeddedHttp, httpSocket, usageObjects, modelRequests, priceFiles];
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    count: { type: "string", default: "1000000" },
    seed: { type: "string", default: String(Date.now() % 1e9) },
  },
});
const count = Number(values.count);
const seed = Number(values.seed);
/** One input may take so long; a reader that needs more hangs as far as a server is concerned. */
const longestMs = 2_000;
/** What a reader may keep of what it has read. */
const mostHeldMiB = 64;

let rejected: unknown;
process.on("unhandledRejection", (reason) => (rejected = reason ?? new Error("unhandled rejection")));

const chosen = positionals.length === 0 ? targets : targets.filter(({ name }) => positionals.includes(name));
if (chosen.length === 0) throw new Error(`no such target; there are ${targets.map(({ name }) => name).join(", ")}`);
for (const target of chosen) await fuzz(target);
// Servers of a target still listen.
process.exit();

async function fuzz({ name, corpus, start }: Target): Promise<void> {
  const chance = new Chance(seed);
  const read = start(chance);
  const startedMs = performance.now();
  let slowestMs = 0;
  let heldBefore = 0;
  for (let at = 0; at < count; at += 1) {
    // A tenth as it is, so that deep paths are walked too.
    const input = chance.below(10) === 0 ? chance.one(corpus) : mutate(chance.one(corpus), corpus, chance);
    if (at === Math.min(20_000, count >> 1)) heldBefore = heldMiB();
    const beganMs = performance.now();
    try {
      await read(input);
      if (rejected !== undefined) throw rejected;
    } catch (error) {
      return fail(name, at, input, error);
    }
    const tookMs = performance.now() - beganMs;
    slowestMs = Math.max(slowestMs, tookMs);
    if (tookMs > longestMs) return fail(name, at, input, new Error(`took ${Math.round(tookMs)} ms`));
  }
  const grownMiB = heldMiB() - heldBefore;
  if (grownMiB > mostHeldMiB)
    return fail(name, count, "", new Error(`holds ${grownMiB} MiB more than at the beginning`));
  const seconds = (performance.now() - startedMs) / 1_000;
  const slowest = `slowest ${slowestMs.toFixed(1)} ms, heap ${grownMiB >= 0 ? "+" : ""}${grownMiB} MiB`;
  console.log(`${name.padEnd(16)}${count} inputs, seed ${seed}: no finding in ${seconds.toFixed(0)} s, ${slowest}`);
}

function heldMiB(): number {
  globalThis.gc?.();
  return Math.round(process.memoryUsage().heapUsed / 1_048_576);
}

function fail(name: string, at: number, input: string, error: unknown): void {
  console.error(`${name}: input ${at} of seed ${seed}: ${JSON.stringify(input)}`);
  console.error(error);
  process.exitCode = 1;
}
