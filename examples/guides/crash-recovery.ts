// docs/crash-recovery.md: a worker is killed with its commit unsent; the next one finishes it. Then what no worker can finish.
import assert from "node:assert/strict";
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { memoryRecordStore, settlementQueue, usd, withReservation } from "@imprest/core";
import { CyclesAuthority } from "@imprest/cycles";
import { createEmbeddedAuthority } from "@imprest/embedded";
import { serve } from "@imprest/embedded/node";

const scope = { tenant: "acme" };
const embedded = createEmbeddedAuthority();
await embedded.budgets.create({ scope, allocated: usd("0.10"), overdraftLimit: usd("0.01") });
const { key: apiKey } = await embedded.apiKeys.create(scope);
const spent = async (): Promise<bigint> => (await embedded.budgets.get({ scope, unit: "USD_MICROCENTS" })).spent;
let server = await serve(embedded, { port: 0 });
const { url: baseUrl } = server;

const home = await mkdtemp(join(tmpdir(), "imprest-recovery-")); // the journal stands below a worker's home
const startWorker = (): ChildProcess =>
  fork(fileURLToPath(new URL("crash-recovery-worker.ts", import.meta.url)), {
    execArgv: ["--conditions=@imprest/source"],
    env: { HOME: home, CYCLES_BASE_URL: baseUrl, CYCLES_API_KEY: apiKey, CYCLES_TENANT: "acme" },
  });
const journalled = async (): Promise<boolean> =>
  (await readdir(home, { recursive: true })).some((file) => file.endsWith(".json"));

// The first worker has its answer, and the authority is away: the settlement is on the disk, and then the worker dies.
const first = startWorker();
await once(first, "message");
await server.close();
first.send("go on");
while (!(await journalled())) await new Promise((resolve) => setTimeout(resolve, 10));
first.kill("SIGKILL");
await once(first, "exit");
assert.equal(await spent(), 0n);

// The authority is back. The second worker finishes what the first one left before it does anything of its own.
server = await serve(embedded, { port: Number(new URL(baseUrl).port) });
const second = startWorker();
await once(second, "message");
assert.equal(await spent(), usd("0.01").amount);
second.send("go on");
const [code] = await once(second, "exit");
assert.equal(code, 0);
assert.equal(await spent(), usd("0.02").amount);

const authority = new CyclesAuthority(
  { baseUrl, apiKey, subject: scope },
  { records: memoryRecordStore(), terms: { overage_policy: "ALLOW_WITH_OVERDRAFT" } },
);
const queue = settlementQueue(authority);
const action = { kind: "llm.completion" };
const dear = await withReservation(authority, { estimate: usd("0.05"), action }, () => "done", {
  spend: () => usd("0.30"), // beyond the budget and its overdraft: refused, and nobody pretends that it was not spent
});
assert.equal(dear.settlement.status, "rejected");
await embedded.budgets.fund({ scope, amount: usd("1.00") });

// #region operator
for await (const letter of queue.deadLetters.list()) {
  console.log(letter.kind, letter.reservationId, letter.spent, letter.reason);
  if (letter.kind === "refused") await queue.deadLetters.retry(letter.id); // the budget was funded: once more, same key
  else await queue.deadLetters.discard(letter.id); // once the books were corrected by hand
}
// #endregion

assert.equal(await spent(), usd("0.32").amount);
for await (const letter of queue.deadLetters.list()) assert.fail(`${letter.id} is still there`);
await server.close();
await embedded.close();
await rm(home, { recursive: true });
