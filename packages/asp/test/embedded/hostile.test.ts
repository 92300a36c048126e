import { describe, expect, it } from "vitest";
import {
  type House,
  claim,
  createManualClock,
  feedOf,
  issuer,
  openHouse,
  trustIn,
  unit,
  verifyAll,
  storeThatOutlives,
} from "./support.ts";

const half = String.raw`\ud800`;

/** Bytes that no client of ours would send. */
async function post(
  { embedded, apiKey }: House,
  verb: string,
  body: string,
  more: Readonly<Record<string, string>> = {},
): Promise<{ readonly status: number; readonly code: unknown }> {
  const headers = { authorization: `Bearer ${apiKey}`, "content-type": "application/json", ...more };
  const request = new Request(`${issuer}/asp.v1.AgentSpendProtocol/${verb}`, { method: "POST", headers, body });
  const response = await embedded.handler(request);
  const { code } = (await response.json()) as { readonly code?: unknown };
  return { status: response.status, code };
}

const reserveText = (more: string): string =>
  `{"claim":{"budgetId":"tenant:acme/agent:bot","unit":"TOKENS","amountAtomic":"5","direction":"DEBIT"},${more}}`;

describe("what nobody may do to the embedded authority over ASP", () => {
  it.each([
    [
      "half a surrogate pair in metadata that is signed",
      reserveText(`"runtimeMetadata":{"model":"${half}"},"idempotencyKey":"k"`),
    ],
    ["half a surrogate pair for a key", reserveText(`"idempotencyKey":"${half}"`)],
    ["half a surrogate pair in a name", reserveText(`"identity":{"${half}":1},"idempotencyKey":"k"`)],
    ["an amount given twice", reserveText(`"idempotencyKey":"k"`).replace('"5"', '"5","amountAtomic":"6"')],
    ["a key given twice", reserveText(`"idempotencyKey":"k","idempotencyKey":"l"`)],
    ["a byte order mark", `\ufeff${reserveText(`"idempotencyKey":"k"`)}`],
    ["a number beyond doubles", reserveText(`"runtimeMetadata":{"model":1e400},"idempotencyKey":"k"`)],
    ["a depth bomb", reserveText(`"identity":{"a":${"[".repeat(5_000)}${"]".repeat(5_000)}},"idempotencyKey":"k"`)],
    ["a NUL", `${reserveText(`"idempotencyKey":"k"`)}\0`],
    ["the head of a request", reserveText(`"idempotencyKey":"k"`).slice(0, -1)],
  ])("%s is refused before anything is held or told", async (_name, body) => {
    const house = await openHouse();
    expect(await post(house, "Reserve", body)).toEqual({ status: 400, code: "invalid_argument" });
    expect(await feedOf(house)).toEqual([]);
    const budget = await house.client().queryBudget({ budgetId: "tenant:acme/agent:bot", unit });
    expect(budget).toMatchObject({ reservedHoldAtomic: 0n });
  });

  it("a settlement that could not be signed is refused, and the reservation can still be settled", async () => {
    const house = await openHouse();
    const client = house.client();
    const one = await client.reserve({ claim: claim(5n) });
    const two = await client.reserve({ claim: claim(5n) });
    const commit = `{"reservationId":"${one.reservationId}","amountAtomicObserved":"3","idempotencyKey":"${half}"}`;
    expect(await post(house, "Commit", commit)).toMatchObject({ code: "invalid_argument" });
    const release = `{"reservationId":"${two.reservationId}","idempotencyKey":"k","reasonCodes":["${half}"]}`;
    expect(await post(house, "Release", release)).toMatchObject({ code: "invalid_argument" });
    await client.commit({ reservationId: one.reservationId ?? "", amountAtomicObserved: 3n });
    await client.release({ reservationId: two.reservationId ?? "" });
    const reports = await verifyAll(await feedOf(house), await trustIn(house));
    expect(reports.map(({ event }) => event?.suffix)).toEqual(["reserve", "reserve", "commit", "release"]);
  });

  it("a compressed body is answered as Connect wants it: unimplemented, and not read", async () => {
    const house = await openHouse();
    const body = reserveText(`"idempotencyKey":"k"`);
    const answer = await post(house, "Reserve", body, { "content-encoding": "gzip" });
    expect(answer).toEqual({ status: 501, code: "unimplemented" });
    expect(await post(house, "Reserve", body, { "content-encoding": "identity" })).toMatchObject({ status: 200 });
  });

  it("a reserve repeated after its answer was forgotten grants nothing again, and revives nothing", async () => {
    const store = storeThatOutlives();
    const clock = createManualClock(Date.now());
    const asp = { ttlMs: 10_000, graceWindowMs: 5_000, auditRetentionMs: 20_000 };
    const before = await openHouse({ clock, store, asp });
    const first = await before.client().reserve({ claim: claim(1_000n), idempotencyKey: "r" });
    const reservationId = first.reservationId ?? "";
    await before.client().commit({ reservationId, amountAtomicObserved: 40n });
    await clock.advance(30_000);
    // Its events are beyond retention with this one; the ledger remembers the key for longer.
    await before.client().reserve({ claim: claim(1n) });
    await before.embedded.close();

    const after = await openHouse({ clock, store, asp }, { fresh: false });
    const { auditEventSignature: _, ...granted } = first;
    expect(await after.client().reserve({ claim: claim(1_000n), idempotencyKey: "r" })).toEqual(granted);
    expect(await feedOf(after)).toHaveLength(1);
    await after
      .client()
      .commit({ reservationId, amountAtomicObserved: 40n })
      .catch(() => {});
    const budget = await after.client().queryBudget({ budgetId: "tenant:acme/agent:bot", unit });
    expect(budget).toMatchObject({ committedSpendAtomic: 40n, reservedHoldAtomic: 1n });
  });
});
