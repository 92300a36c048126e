import { spawnSync } from "node:child_process";
import {
  type Clock,
  type RecordStore,
  type Transport,
  ConnectionError,
  memoryRecordStore,
  systemClock,
} from "@imprest/core";
import { CyclesAuthority, CyclesClient } from "@imprest/cycles";
import type { AP2Mandate, PaymentTerms } from "@imprest/ap2";
import { FakeCycles } from "./fake-cycles.ts";

/** A fake authority, a client that reaches it without a socket, and a store. */
export interface Harness {
  readonly cycles: FakeCycles;
  readonly client: CyclesClient;
  /** As `client`, with `records` as its store. */
  readonly authority: CyclesAuthority;
  readonly records: RecordStore;
}

export function createHarness(options: { readonly records?: RecordStore; readonly clock?: Clock } = {}): Harness {
  const cycles = new FakeCycles();
  const { records = memoryRecordStore(), clock = systemClock } = options;
  const client = clientOf(cycles, clock);
  return { cycles, client, authority: new CyclesAuthority(client, { records, clock }), records };
}

/** Another process over the same authority and store, as `recover` runs in after a worker has died. */
export function otherWorker({ cycles, records }: Harness, clock: Clock = systemClock): CyclesAuthority {
  return new CyclesAuthority(clientOf(cycles, clock), { records, clock });
}

/** Another worker's client of the same authority. */
export function clientOf(cycles: FakeCycles, clock: Clock = systemClock, tenant = "acme"): CyclesClient {
  const transport: Transport = async (request) => {
    const { pathname, search } = new URL(request.url);
    await Promise.resolve();
    const answer = cycles.handle(request.method, `${pathname}${search}`, request.body ?? "");
    if (answer === "hang-up") throw new ConnectionError("The connection broke.");
    const body = answer.body === undefined ? "" : JSON.stringify(answer.body);
    return { status: answer.status, headers: { "content-type": "application/json", "x-request-id": "req_1" }, body };
  };
  return new CyclesClient({
    baseUrl: "http://localhost:7878",
    apiKey: "test-key-123",
    subject: { tenant },
    transport,
    clock,
  });
}

/** From here on the payments that run in this process are those of another one, which lives. */
export function becomeOtherProcess(): void {
  (globalThis as { [key: symbol]: Set<string> | undefined })[Symbol.for("@imprest/ap2/claims")]?.clear();
}

/** Kills whoever runs a payment of the store, as far as its records say: their process is one that has ended. */
export async function killWorkers(records: RecordStore): Promise<void> {
  const { pid } = spawnSync("true");
  becomeOtherProcess();
  for await (const { key, value, version } of records.scan("ap2-payment:")) {
    const record = value as { readonly attempts: readonly { readonly worker: string }[] };
    const attempts = record.attempts.map((one) => ({ ...one, worker: `${one.worker.split(":")[0]}:${pid}:killed` }));
    await records.replace(key, { ...record, attempts }, version);
  }
}

export function makeMandate(change: Partial<AP2Mandate> = {}): AP2Mandate {
  const fixed = {
    transactionId: "ap2-tx-001",
    amountValue: "199.00",
    currency: "USD",
    payeeWebsite: "merchant.example",
    checkoutHash: "ch_demo",
  };
  return { ...fixed, ...change };
}

export function makeTerms(change: Partial<PaymentTerms> = {}): PaymentTerms {
  return { mandate: makeMandate(), runId: "run_abc123", tenant: "acme", agent: "checkout-bot", ...change };
}

export async function collect<Item>(items: AsyncIterable<Item>): Promise<Item[]> {
  const collected: Item[] = [];
  for await (const item of items) collected.push(item);
  return collected;
}
