// `pnpm soak [--minutes N]`: an embedded authority over HTTP at full load from 256 clients whose connections break at
// random. In the end its books must hold what the clients know: nothing lost, nothing twice, and memory that is flat. Before
// that, the answers of one tenant are timed beside another that is as much trouble as its key allows.
import { fork } from "node:child_process";
import { parseArgs } from "node:util";
import { TransportError, usdMicrocents } from "@imprest/core";
import { CyclesClient } from "@imprest/cycles";
import { besideNoisyTenant } from "./noisy-neighbour.ts";

const { values } = parseArgs({ options: { minutes: { type: "string", default: "10" } } });
const clients = 256;
/** One request in so many is cut off under way, and asked again under its key. */
const cutEvery = 8;
const mostGrowthMib = 48;

const child = fork(new URL("./server.ts", import.meta.url), { execArgv: ["--conditions=@imprest/source"] });
const heaps: number[] = [];
interface Started {
  readonly url: string;
  readonly key: string;
  readonly noisyKey: string;
}
const { url, key, noisyKey } = await new Promise<Started>((resolve, reject) => {
  child.once("exit", (code) => reject(new Error(`the server ended with ${code}`)));
  child.on("message", (message: Started & { readonly heapMib?: number }) => {
    if (message.heapMib === undefined) resolve(message);
    else heaps.push(message.heapMib);
  });
});

const client = new CyclesClient({ baseUrl: url, apiKey: key, subject: { tenant: "acme" } });
console.log(await besideNoisyTenant(client, { url, key: noisyKey }, 10_000));
// What the noisy tenant holds is not the soak's to explain.
heaps.length = 0;

const untilMs = performance.now() + Number(values.minutes) * 60_000;
const subject = { tenant: "acme" };
const action = { kind: "llm.completion", name: "model" };
const totals = { committed: 0, released: 0, cut: 0, spent: 0n };

/** Asks until there is an answer, the same every time: whatever became of an attempt that was cut off. */
async function insist<Answer>(ask: (signal: AbortSignal) => Promise<Answer>): Promise<Answer> {
  for (;;) {
    const cut = new AbortController();
    const isCut = Math.random() * cutEvery < 1;
    if (isCut) setTimeout(() => cut.abort(), Math.random() * 8);
    try {
      return await ask(cut.signal);
    } catch (error) {
      // A late answer is as good as none: what became of it is asked again under the same key.
      if (!cut.signal.aborted && !TransportError.isInstance(error)) throw error;
      totals.cut += 1;
    }
  }
}

async function work(who: number): Promise<void> {
  for (let at = 0; performance.now() < untilMs; at += 1) {
    const idempotencyKey = `${who}-${at}`;
    const estimate = usdMicrocents(1_000n);
    const { reservation_id: id = "" } = await insist((signal) =>
      client.createReservation({ subject, action, estimate }, { idempotencyKey, signal }),
    );
    if (at % 5 === 0) {
      await insist((signal) => client.releaseReservation(id, {}, { idempotencyKey, signal }));
      totals.released += 1;
      continue;
    }
    const actual = usdMicrocents(BigInt(1 + ((who * 31 + at) % 999)));
    const { charged } = await insist((signal) => client.commitReservation(id, { actual }, { idempotencyKey, signal }));
    if (charged.amount !== actual.amount) throw new Error(`${charged.amount} was charged for ${actual.amount}`);
    totals.committed += 1;
    totals.spent += actual.amount;
  }
}

await Promise.all(Array.from({ length: clients }, (_, who) => work(who)));
const [balance] = (await client.getBalances({ tenant: "acme" }).first()).balances;
const [early = 0, late = 0] = [heaps[Math.min(2, heaps.length - 1)], heaps.at(-1)];
console.log(`${totals.committed} commits, ${totals.released} releases, ${totals.cut} requests cut off and asked again`);
console.log(
  `clients spent ${totals.spent}, the books say ${balance?.spent?.amount}, held ${balance?.reserved?.amount}`,
);
console.log(
  `heap of the authority in MiB: ${heaps.filter((_, at) => at % Math.ceil(heaps.length / 12) === 0).join(", ")}`,
);
child.removeAllListeners("exit");
child.kill();
const isEven = balance?.spent?.amount === totals.spent && balance.reserved?.amount === 0n;
if (!isEven) console.error("the books differ from what the clients know");
if (late - early > mostGrowthMib) console.error("memory grew");
if (!isEven || late - early > mostGrowthMib) process.exit(1);
process.exit(0);
