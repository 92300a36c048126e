import type { AuditEvent } from "@imprest/core/models/asp";
import * as fc from "fast-check";
import { beforeAll, describe, expect, it } from "vitest";
import { createFocusExporter, signAuditEvent } from "../../src/audit/index.ts";
import { broken, brokenBetween, exact } from "../audit/focus/rules.ts";
import { budgetId, createManualClock, feedOf, issuer, openHouse, seed, trustIn, verifyAll } from "./support.ts";

// A month of a thousand settlements at a real authority, in dollars and in tokens: in time, late, exact, below and beyond what
// was reserved. Refunds are signed with the same key: the draft leaves their verb out, and so does the authority.

const settlements = 1_000;
const units = ["USD_MICROCENTS", "TOKENS"] as const;
/** What one of each is worth, in dollars. */
const worth = { USD_MICROCENTS: "0.00000001", TOKENS: "0.00000125" };
const start = Date.parse("2026-06-01T00:10:00Z");

interface Refund {
  readonly reservationId: string;
  readonly unit: (typeof units)[number];
  readonly amount: bigint;
  readonly atMs: number;
}

interface Month {
  readonly events: readonly AuditEvent[];
  /** By unit: what the ledger has spent, less what was refunded. */
  readonly books: Readonly<Record<(typeof units)[number], bigint>>;
}

/** Numbers below `most` that are the same in every run. */
function draws(): (most: number) => number {
  let state = 7;
  return (most) => {
    state = (state * 48_271) % 2_147_483_647;
    return state % most;
  };
}

async function live(): Promise<Month> {
  const clock = createManualClock(start);
  const asp = { ttlMs: 60_000, graceWindowMs: 60_000, overagePolicy: "CHARGE_OVERAGE" as const };
  const house = await openHouse({ clock, asp }, { closes: false });
  const scope = { tenant: "acme", agent: "bot" };
  const { budgets } = house.embedded;
  await budgets.create({ scope, allocated: { unit: "USD_MICROCENTS", amount: 10n ** 15n } });
  await budgets.resize({ scope, allocated: { unit: "TOKENS", amount: 10n ** 15n } });
  const client = house.client();
  const draw = draws();
  const refunds: Refund[] = [];
  for (let at = 0; at < settlements; at += 1) {
    const unit = units[draw(2)] ?? "TOKENS";
    const amountAtomic = BigInt(draw(100_000));
    const runtimeMetadata = { model: ["small", "large"][draw(2)] ?? "" };
    const request = { claim: { budgetId, unit, amountAtomic }, runtimeMetadata, idempotencyKey: `r${at}` };
    const { reservationId = "" } = await client.reserve(request);
    await clock.advance([1_000, 5_500, 90_000][draw(3)] ?? 0);
    const observed = [amountAtomic, amountAtomic / 3n, amountAtomic + 17n, 0n][draw(4)] ?? 0n;
    await client.commit({ reservationId, amountAtomicObserved: observed, idempotencyKey: `c${at}` });
    if (draw(8) === 0 && observed > 2n) {
      // Some come in the next month, when what they give back has been invoiced.
      const atMs = clock.now() + draw(2) * 31 * 86_400_000;
      for (const amount of [observed / 2n, 1n]) refunds.push({ reservationId, unit, amount, atMs });
    }
    await clock.advance(2_500_000);
  }
  const lines = await feedOf(house);
  const reports = await verifyAll([...lines, ...(await signed(refunds, lines))], await trustIn(house));
  const bookOf = async (unit: (typeof units)[number]): Promise<bigint> =>
    refunds
      .filter((refund) => refund.unit === unit)
      .reduce((left, { amount }) => left - amount, (await budgets.get({ scope, unit })).spent);
  const books = { USD_MICROCENTS: await bookOf("USD_MICROCENTS"), TOKENS: await bookOf("TOKENS") };
  await house.embedded.close();
  return { events: reports.flatMap(({ event }) => (event === undefined ? [] : [event])), books };
}

function signed(refunds: readonly Refund[], lines: readonly string[]): Promise<string[]> {
  const decisions = new Map(
    lines.map((line) => {
      const { data } = JSON.parse(line) as { readonly data: Readonly<Record<string, string>> };
      return [data["reservation_id"], data["decision_id"]];
    }),
  );
  const signer = { source: `${issuer}/asp/acme`, typePrefix: "imprest", kid: "k1", privateKey: seed };
  return Promise.all(
    refunds.map(({ reservationId, amount, atMs }) => {
      const data = {
        decision_id: decisions.get(reservationId) ?? "",
        reservation_id: reservationId,
        amount_atomic_refunded: amount.toString(),
        original_commit_event_id: "kept elsewhere",
      };
      return signAuditEvent("refund", data, signer, atMs);
    }),
  );
}

describe("a month of a thousand settlements", () => {
  let month: Month;
  beforeAll(async () => {
    month = await live();
  }, 60_000);

  const total = (costs: readonly (string | null)[]): bigint => costs.reduce((sum, cost) => sum + exact(cost), 0n);

  it("law: sums in FOCUS to the ledger to the last unit, in any order and with any line delivered again", () => {
    const { events, books } = month;
    expect(events.length).toBeGreaterThan(2 * settlements);
    const everyLine = fc.shuffledSubarray([...events.keys()], { minLength: events.length });
    const again = fc.array(fc.nat(events.length - 1), { maxLength: 500 });
    fc.assert(
      fc.property(everyLine, again, fc.nat(events.length), (order, repeated, where) => {
        const delivered = [...order.slice(0, where), ...repeated, ...order.slice(where), ...repeated];
        const exporter = createFocusExporter({
          billingAccountId: "acme",
          providerName: "Acme",
          priceOf: ({ unit }) => (unit === "TOKENS" ? { currency: "USD", price: worth.TOKENS } : undefined),
        });
        const results = delivered.flatMap((at) => events.slice(at, at + 1)).map((event) => exporter.add(event));
        const rows = results.flatMap((result) => result.rows);
        expect([...results.flatMap(({ omissions }) => omissions), ...exporter.finish()]).toEqual([]);
        const usage = rows.filter(({ ChargeFrequency }) => ChargeFrequency === "Usage-Based");
        expect(usage).toHaveLength(settlements);
        for (const unit of units) {
          const ofUnit = rows.filter(({ SkuPriceId }) => SkuPriceId?.includes("TOKENS") === (unit === "TOKENS"));
          const expected = books[unit] * exact(worth[unit]);
          expect(total(ofUnit.map(({ BilledCost }) => BilledCost))).toBe(expected);
        }
        expect(brokenBetween(rows)).toEqual([]);
        expect(rows.flatMap(broken)).toEqual([]);
      }),
      { numRuns: 10 },
    );
  });

  it("has rows of every kind: usage, credits of the same month, corrections of one that was invoiced", () => {
    const exporter = createFocusExporter({ billingAccountId: "acme", providerName: "Acme", priceOf: () => undefined });
    const rows = month.events.flatMap((event) => exporter.add(event).rows);
    const kinds = new Set(rows.map(({ ChargeCategory, ChargeClass }) => `${ChargeCategory} ${ChargeClass}`));
    expect(kinds).toEqual(new Set(["Usage null", "Credit null", "Usage Correction"]));
  });
});
