// The worker of crash-recovery.ts: an agent whose process may end at any moment.
import { settlementQueue, usd } from "@imprest/core";
import { CyclesAuthority, fromEnv, withReservation } from "@imprest/cycles";
import { fleetJournal } from "@imprest/cycles/node";

/** Tells the story's other process that the model has answered, and waits until it says go on. */
async function callTheModel(): Promise<{ readonly text: string }> {
  const told = new Promise((resolve) => process.once("message", resolve));
  process.send?.("the model has answered");
  await told;
  return { text: "an answer" };
}

// #region worker
const options = fromEnv(); // CYCLES_BASE_URL, CYCLES_API_KEY, CYCLES_TENANT
const authority = new CyclesAuthority(options, { records: fleetJournal(options) });
const queue = settlementQueue(authority);

await queue.recover(); // on start: finishes what an earlier process left, before any guarded call

const request = { estimate: usd("0.02"), action: { kind: "llm.completion" } };
await withReservation(authority, request, callTheModel, { spend: () => usd("0.01"), partial: "estimate" });

await queue.close({ timeoutMs: 5_000 }); // on shutdown: bounded; what is left stays recorded
await authority.environment.records?.close?.();
// #endregion
process.disconnect?.();
