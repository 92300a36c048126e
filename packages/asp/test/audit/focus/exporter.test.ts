import type { AuditEvent } from "@imprest/core/models/asp";
import { describe, expect, it } from "vitest";
import {
  type FocusExporter,
  type FocusOptions,
  type FocusRow,
  applicableFocusColumns,
  createFocusExporter,
  focusColumns,
  focusCsvHeader,
  focusCsvLine,
  focusJsonLine,
  verifyAuditEvent,
} from "../../../src/audit/index.ts";
import { decisionId, line, reserveData, startMs, trustSigner } from "../support.ts";
import { broken, brokenBetween, columnRules } from "./rules.ts";

const options: FocusOptions = { billingAccountId: "acme", providerName: "Provider, Inc." };
const perToken = () => ({ currency: "USD", price: "0.00001" });

async function eventOf(...args: Parameters<typeof line>): Promise<AuditEvent> {
  const { event } = await verifyAuditEvent(await line(...args), { trust: await trustSigner() });
  if (event === undefined) throw new Error("not an event");
  return event;
}

/** A reserve of `reserved`, and the commit of `observed`. */
async function settled(
  n: number,
  { unit = "USD_MICROCENTS", model, atMs = startMs + 2_000, observed = "800" }: Partial<Settled> = {},
): Promise<[AuditEvent, AuditEvent]> {
  const metadata = model === undefined ? {} : { runtime_metadata: { model } };
  const reserve = await eventOf("reserve", n, { ...reserveData("1000"), unit, ...metadata }, { id: `r${n}` });
  const amounts = { amount_atomic_observed: observed, refund_amount_atomic: String(1_000n - BigInt(observed)) };
  return [reserve, await eventOf("commit", n, { reservation_id: `r${n}`, ...amounts }, { atMs, id: `c${n}` })];
}

interface Settled {
  readonly unit: string;
  readonly model: string;
  readonly atMs: number;
  readonly observed: string;
}

function refundOf(n: number, amount: string, atMs: number, id = `f${n}`): Promise<AuditEvent> {
  const data = { reservation_id: `r${n}`, amount_atomic_refunded: amount, original_commit_event_id: `c${n}` };
  return eventOf("refund", n, data, { atMs, id });
}

/** Every row and omission of some events. */
function exported(events: readonly AuditEvent[], more: Partial<FocusOptions> = {}) {
  const exporter: FocusExporter = createFocusExporter({ ...options, ...more });
  const results = events.map((event) => exporter.add(event));
  const omissions = [...results.flatMap((result) => result.omissions), ...exporter.finish()];
  return { rows: results.flatMap(({ rows }) => rows), omissions };
}

describe("FOCUS 1.0 rows", () => {
  it("write a commit in money as usage with an exact cost, as CSV and as NDJSON", async () => {
    const reserve = await eventOf("reserve", 1, { ...reserveData("10000000"), unit: "USD_MICROCENTS" });
    const data = { reservation_id: "r1", amount_atomic_observed: "5000001", refund_amount_atomic: "4999999" };
    const commit = await eventOf("commit", 1, data, { atMs: startMs + 2_345, id: "e2" });
    const { rows } = exported([reserve, commit]);
    expect(rows).toHaveLength(1);
    const [row] = rows as [FocusRow];
    expect(row).toMatchObject({
      BilledCost: "0.05000001",
      EffectiveCost: "0.05000001",
      BillingCurrency: "USD",
      BillingPeriodStart: "2026-06-01T00:00:00Z",
      BillingPeriodEnd: "2026-07-01T00:00:00Z",
      ChargeCategory: "Usage",
      ChargeClass: null,
      ChargePeriodStart: "2026-06-01T12:00:00Z",
      ChargePeriodEnd: "2026-06-01T12:00:03Z",
      ConsumedQuantity: "0.05000001",
      ConsumedUnit: "USD",
      ListUnitPrice: "1",
      SkuId: "USD_MICROCENTS",
      SubAccountId: "team",
      AvailabilityZone: null,
    });
    expect(JSON.parse(row.Tags ?? "")).toEqual({
      "asp/budget_id": "team",
      "asp/reservation_id": "r1",
      "asp/decision_id": decisionId(1),
      "asp/audit_event_id": "e2",
    });
    expect(focusCsvHeader().split(",")).toEqual([...focusColumns]);
    expect(focusCsvLine(row)).toContain('"Provider, Inc."');
    expect(focusCsvLine(row).startsWith(",0.05000001,acme,,USD,")).toBe(true);
    expect(JSON.parse(focusJsonLine(row))).toEqual(row);
  });

  it("price tokens by model, and refuse what has no price instead of giving it away", async () => {
    const priceOf: FocusOptions["priceOf"] = ({ unit, model }) =>
      unit === "output_token" && model === "large" ? { currency: "EUR", price: "0.00003" } : undefined;
    const events = [
      ...(await settled(1, { unit: "output_token", model: "large" })),
      ...(await settled(2, { unit: "output_token", model: "unheard-of" })),
      ...(await settled(3, { unit: "usd_atomic" })),
    ];
    const { rows, omissions } = exported(events, { priceOf });
    expect(rows).toMatchObject([
      {
        BilledCost: "0.024",
        BillingCurrency: "EUR",
        ListUnitPrice: "0.00003",
        PricingQuantity: "800",
        PricingUnit: "Tokens",
        SkuId: "large",
        SkuPriceId: "large/output_token/0.00003 EUR",
      },
    ]);
    expect(omissions).toMatchObject([
      { code: "no_price", eventId: "c2", amount: 800n },
      { code: "no_price", eventId: "c3", message: expect.stringContaining("usd_atomic") },
    ]);
    const known = exported(events, { priceOf, money: { usd_atomic: { currency: "USD", scale: 6 } } });
    expect(known.rows.map(({ BilledCost }) => BilledCost)).toEqual(["0.024", "0.0008"]);
  });

  it("bill a settlement once, however often and in whatever order its events come", async () => {
    const [reserve, commit] = await settled(1);
    const overage = await eventOf("overage_charged", 1, {
      reservation_id: "r1",
      amount_atomic_observed: "800",
      amount_atomic_reserved: "700",
      overage_amount_atomic: "100",
      policy: "charge_overage",
    });
    for (const events of [
      [reserve, commit, reserve, commit],
      [commit, reserve],
      [commit, commit, reserve, reserve, commit],
      [overage, commit, reserve, overage],
      [reserve, overage, commit],
    ]) {
      const { rows, omissions } = exported(events);
      expect(rows.map(({ BilledCost }) => BilledCost)).toEqual(["0.000008"]);
      expect(omissions).toEqual([]);
    }
  });

  it("take a decision id in another case for the same", async () => {
    const [reserve, commit] = await settled(1);
    const shouted = { ...commit, data: { ...commit.data, decision_id: commit.data.decision_id.toUpperCase() } };
    expect(exported([reserve, commit, shouted as AuditEvent]).rows).toHaveLength(1);
  });

  it("leave out a settlement whose reserve is not there, and report it", async () => {
    const [, commit] = await settled(1);
    const refund = await refundOf(2, "5", startMs);
    const { rows, omissions } = exported([commit, refund]);
    expect(rows).toEqual([]);
    expect(omissions).toMatchObject([
      { code: "no_reserve", eventId: "c1", amount: 800n },
      { code: "no_settlement", eventId: "f2", amount: -5n },
    ]);
  });

  it("report a second settlement with another amount, and a refund of more than was settled", async () => {
    const [reserve, commit] = await settled(1);
    const other = { ...commit, id: "c9", data: { ...commit.data, amount_atomic_observed: 900n } } as AuditEvent;
    const refunds = [await refundOf(1, "500", startMs + 5_000), await refundOf(1, "301", startMs + 6_000, "f9")];
    const { rows, omissions } = exported([reserve, commit, other, ...refunds]);
    expect(rows.map(({ BilledCost }) => BilledCost)).toEqual(["0.000008", "-0.000005"]);
    expect(omissions).toMatchObject([
      { code: "conflicting_settlement", eventId: "c9", amount: 900n },
      { code: "refund_beyond_settlement", eventId: "f9", amount: -301n },
    ]);
  });

  it("write a refund as a credit within its billing period, and as a correction of usage after it", async () => {
    const events = await settled(1, { unit: "output_token", model: "large" });
    const nextMonth = Date.parse("2026-07-02T08:00:00.500Z");
    const refunds = [await refundOf(1, "40", startMs + 60_000), await refundOf(1, "50", nextMonth, "late")];
    const { rows } = exported([...events, ...refunds, ...refunds], { priceOf: perToken });
    expect(rows.slice(1)).toMatchObject([
      {
        BilledCost: "-0.0004",
        ListCost: "-0.0004",
        BillingPeriodStart: "2026-06-01T00:00:00Z",
        ChargeCategory: "Credit",
        ChargeClass: null,
        ChargeFrequency: "One-Time",
        ConsumedQuantity: null,
        PricingQuantity: null,
      },
      {
        BilledCost: "-0.0005",
        BillingPeriodStart: "2026-07-01T00:00:00Z",
        ChargeCategory: "Usage",
        ChargeClass: "Correction",
        ChargePeriodStart: "2026-06-01T12:00:00Z",
        PricingQuantity: "-50",
        ConsumedQuantity: "-50",
      },
    ]);
    expect(rows).toHaveLength(3);
  });

  it("price a refund that comes after 1,100 other settlements as the settlement was", async () => {
    const first = await settled(1);
    const [reserve, commit] = await settled(2);
    const others = Array.from({ length: 1_100 }, (_, at) =>
      [reserve, commit].map((event) => ({ ...event, data: { ...event.data, decision_id: decisionId(at + 10) } })),
    ).flat() as AuditEvent[];
    const { rows } = exported([...first, ...others, await refundOf(1, "300", startMs + 9_000)]);
    expect(rows.at(-1)).toMatchObject({ BilledCost: "-0.000003", SubAccountId: "team" });
  });

  it("forget the oldest decisions, and then report what is replayed of them instead of billing it again", async () => {
    const days = await Promise.all(
      Array.from({ length: 6 }, async (_, at) => {
        const [reserve, commit] = await settled(at + 1);
        const event_time = new Date(startMs + at * 1_000).toISOString();
        return [{ ...reserve, data: { ...reserve.data, event_time } } as AuditEvent, commit];
      }),
    );
    const { rows, omissions } = exported([...days, ...days].flat(), { memory: 2 });
    expect(rows).toHaveLength(6);
    expect(new Set(omissions.map(({ code }) => code))).toEqual(new Set(["beyond_memory"]));
  });

  it("make no row of a denial, a release, a quarantine or an expiry", async () => {
    const denied = await eventOf("reserve", 1, { ...reserveData(), decision: "DENY" });
    const [reserve] = await settled(2);
    const released = await eventOf("release", 2, { reservation_id: "r2" });
    const [other] = await settled(3);
    const expired = await eventOf("ttl_expired", 3, {
      reservation_id: "r3",
      ttl_expires_at: new Date(startMs).toISOString(),
      capacity_returned_atomic: "1000",
    });
    expect(exported([denied, reserve, released, other, expired])).toEqual({ rows: [], omissions: [] });
  });

  it("make a field that a spreadsheet would run text", async () => {
    const { rows } = exported(await settled(1), { billingAccountId: '=cmd|"x"' });
    expect(rows.map((row) => focusCsvLine(row))[0]).toContain(`"'=cmd|""x"""`);
  });

  it("leave out the columns that spend has no value for, where they are not wanted", async () => {
    const { rows } = exported(await settled(1));
    const [row] = rows as [FocusRow];
    const omitted = focusColumns.filter((column) => !applicableFocusColumns.includes(column));
    expect(omitted).toEqual([
      "AvailabilityZone",
      "CommitmentDiscountCategory",
      "CommitmentDiscountId",
      "CommitmentDiscountName",
      "CommitmentDiscountStatus",
      "CommitmentDiscountType",
      "RegionId",
      "RegionName",
      "ResourceId",
      "ResourceName",
      "ResourceType",
    ]);
    for (const column of omitted) expect(row[column]).toBeNull();
    expect(Object.keys(JSON.parse(focusJsonLine(row, applicableFocusColumns)) as object)).toEqual([
      ...applicableFocusColumns,
    ]);
    expect(focusCsvLine(row, applicableFocusColumns).startsWith("0.000008,acme,,USD,")).toBe(true);
  });

  it.each<[string, Partial<FocusOptions>]>([
    ["billingAccountId", { billingAccountId: " " }],
    ["providerName", { providerName: undefined as unknown as string }],
    ["There is no option currency", { currency: "EUR" } as Partial<FocusOptions>],
    ["currency of credit", { money: { credit: { currency: "credits", scale: 2 } } }],
    ["scale of credit", { money: { credit: { currency: "USD", scale: 39 } } }],
    ["memory", { memory: 0 }],
  ])("refuse options that no row could be made with: %s", (message, more) => {
    expect(() => createFocusExporter({ ...options, ...more })).toThrow(message);
  });

  it("refuse a price that is no exact decimal", async () => {
    const events = await settled(1, { unit: "output_token" });
    for (const price of ["-1", "1e-5", "0,1", ""]) {
      expect(() => exported(events, { priceOf: () => ({ currency: "USD", price }) })).toThrow("no plain decimal");
    }
  });
});

describe("the column rules of FOCUS 1.0", () => {
  /** A row of each kind that there is. */
  async function everyKind(): Promise<readonly FocusRow[]> {
    const nextYear = Date.parse("2027-01-01T00:00:00.000Z");
    const { rows, omissions } = exported(
      [
        ...(await settled(1)),
        ...(await settled(2, { unit: "output_token", model: "large" })),
        ...(await settled(3, { unit: "request", observed: "0" })),
        ...(await settled(4, { unit: "RISK_POINTS", model: "large", atMs: nextYear })),
        await refundOf(1, "300", startMs + 3_000),
        await refundOf(2, "300", nextYear),
      ],
      { priceOf: perToken, billingAccountName: "Acme" },
    );
    expect(omissions).toEqual([]);
    expect(rows).toHaveLength(6);
    return rows;
  }

  it.each([...new Set(columnRules.map(({ column }) => column))])("%s", async (column) => {
    const rows = await everyKind();
    const problems = rows.flatMap((row) => broken(row)).filter((problem) => problem.startsWith(`${column} `));
    expect(problems).toEqual([]);
    expect(brokenBetween(rows)).toEqual([]);
  });
});
