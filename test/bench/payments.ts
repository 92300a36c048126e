import { type AP2Mandate, withReservation } from "@imprest/ap2";
import { type RecordStore, memoryRecordStore } from "@imprest/core";
import { logRecordStore } from "@imprest/core/node";
import { CyclesAuthority } from "@imprest/cycles";
import { rawPost } from "./guarded-pairs.ts";
import { type Effort, type Group, compare, timed } from "./measure.ts";
import { startStub } from "./peer.ts";
import { scratchFolder } from "./scratch-folder.ts";

const inFlight = 16;

/** A payment through the AP2 guard, and what it cannot do without: two requests, one stored record, one charge. */
export async function* payments(effort: Effort): AsyncGenerator<Group> {
  using server = await startStub();
  await using folder = await scratchFolder();
  const { url } = server.told;
  const rounds = effort.rounds(5);
  const options = { count: effort.count(2_000), inFlight };
  for (const [name, open] of [
    ["memory", (_name: string) => memoryRecordStore()],
    ["a log on the disk", (name: string) => logRecordStore({ dir: folder.pathOf(name) })],
  ] as const) {
    const [rawRecords, records] = [open("raw"), open("guarded")];
    yield await compare(
      { title: `AP2 payments, ${inFlight} in flight, records in ${name}`, unit: "payments/s", rounds },
      {
        "raw undici and store": timed(rawPayment(url, rawRecords), options),
        guarded: timed(guardedPayment(url, records), options),
      },
    );
    for (const store of [rawRecords, records]) await store.close?.();
  }
}

const charge = '{"amount":2,"currency":"usd","payee":"shop.example"}';

function mandate(at: number): AP2Mandate {
  return {
    transactionId: `tx-${process.pid}-${at}`,
    amountValue: "0.02",
    currency: "USD",
    payeeWebsite: "shop.example",
    openMandateHash: at.toString(16).padStart(64, "0"),
  };
}

function rawPayment(baseUrl: string, records: RecordStore): () => Promise<unknown> {
  const post = rawPost(baseUrl);
  let payments = 0;
  return async () => {
    const { transactionId, amountValue, currency, payeeWebsite } = mandate((payments += 1));
    await records.create(transactionId, { phase: "charging", transactionId, amountValue, currency, payeeWebsite });
    const amount = '{"unit":"USD_MICROCENTS","amount":2000000}';
    const reserve =
      `{"idempotency_key":"${transactionId}:reserve","subject":{"tenant":"acme","dimensions":{"run_id":"bench"}},` +
      `"action":{"kind":"payment.charge","name":"ap2.payment_mandate.present"},"estimate":${amount},"ttl_ms":60000}`;
    const key = `${transactionId}:reserve`;
    const { reservation_id } = (await post("/v1/reservations", key, reserve)) as { readonly reservation_id: string };
    await post("/v1/charges", transactionId, charge);
    const commit = `{"idempotency_key":"${transactionId}:commit","actual":${amount}}`;
    return post(`/v1/reservations/${reservation_id}/commit`, `${transactionId}:commit`, commit);
  };
}

function guardedPayment(baseUrl: string, records: RecordStore): () => Promise<unknown> {
  const post = rawPost(baseUrl);
  const authority = new CyclesAuthority({ baseUrl, apiKey: "test-key", subject: { tenant: "acme" } }, { records });
  let payments = 0;
  return () => {
    const terms = { mandate: mandate((payments += 1)), runId: "bench", tenant: "acme" };
    return withReservation(authority, terms, (payment) => post("/v1/charges", payment.pspIdempotencyKey, charge));
  };
}
