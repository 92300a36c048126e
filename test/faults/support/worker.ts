// A process of its own that spends, or finishes what another left, until it is done or killed. It sends its parent what
// it did, in the words of `Told`.
import { Observer, settlementQueue, usdMicrocents } from "@imprest/core";
import { CyclesAuthority, withReservation } from "@imprest/cycles";
import { type StoreName, openStore } from "./stores.ts";

/** What a worker is to do. */
export interface WorkerTask {
  readonly store: StoreName;
  readonly dir: string;
  readonly baseUrl: string;
  readonly apiKey: string;
  /** `spend`: one guarded call of 7. `spend-on`: guarded calls without end, 32 at a time. `recover`: replay, then end. */
  readonly work: "spend" | "spend-on" | "recover";
}

/** What a worker says. */
export type Told =
  | { readonly what: "settled"; readonly reservationId: string; readonly status: string }
  | { readonly what: "recovered"; readonly resumed: number; readonly pending: number; readonly failures: number }
  | { readonly what: "quarantined"; readonly path: string };

const { store, dir, baseUrl, apiKey, work } = JSON.parse(process.argv[2] ?? "") as WorkerTask;
const tell = (told: Told): void => void process.send?.(told);
const observer = new Observer();
let failures = 0;
observer.on("record-failure", () => (failures += 1));
const records = openStore(store, dir, baseUrl, ({ path }) => tell({ what: "quarantined", path }));
const client = { baseUrl, apiKey, subject: { tenant: "acme" }, timeoutMs: 2_000 };
const authority = new CyclesAuthority(client, { records, observer, terms: { overage_policy: "REJECT" } });

async function spend(): Promise<void> {
  const request = { estimate: usdMicrocents(10n), action: { kind: "llm.completion", name: "model" } };
  const { settlement } = await withReservation(authority, request, () => 7, {
    spend: (amount) => usdMicrocents(BigInt(amount)),
  });
  tell({ what: "settled", reservationId: settlement.reservationId, status: settlement.status });
}

async function spendOn(): Promise<void> {
  // An unreachable authority ends one call, not the worker.
  for (;;) await spend().catch(() => new Promise((resolve) => setTimeout(resolve, 5)));
}

async function recover(): Promise<void> {
  const queue = settlementQueue(authority);
  const { resumed } = await queue.recover();
  const { pending } = await queue.flush({ timeoutMs: 60_000 });
  await queue.close({ timeoutMs: 0 });
  await records.close?.();
  tell({ what: "recovered", resumed, pending, failures });
  process.disconnect();
}

// Nothing else keeps the process alive while it waits: timers of the kernel do not.
const alive = setInterval(() => {}, 1_000);
if (work === "recover") await recover().finally(() => clearInterval(alive));
else await Promise.all(Array.from({ length: work === "spend" ? 1 : 32 }, work === "spend" ? spend : spendOn));
