import { describe, expect, it } from "vitest";
import type { AuditEvent } from "@imprest/core/models/asp";
import {
  createFocusExporter,
  focusColumns,
  focusCsvHeader,
  focusCsvLine,
  focusJsonLine,
  verifyAuditEvent,
} from "../../src/audit/index.ts";
import { decisionId, line, reserveData, startMs, trustSigner } from "./support.ts";

const options = { billingAccountId: "acme", providerName: "Provider, Inc." };

async function eventOf(...args: Parameters<typeof line>): Promise<AuditEvent> {
  const { event } = await verifyAuditEvent(await line(...args), { trust: await trustSigner() });
  if (event === undefined) throw new Error("not an event");
  return event;
}

describe("FOCUS 1.0 rows", () => {
  it("a commit in money is a usage row with an exact cost, as CSV and as NDJSON", async () => {
    const exporter = createFocusExporter(options);
    const reserved = { ...reserveData("10000000"), unit: "USD_MICROCENTS" };
    expect(exporter.add(await eventOf("reserve", 1, reserved))).toBeUndefined();
    const settled = { reservation_id: "r1", amount_atomic_observed: "5000001", refund_amount_atomic: "4999999" };
    const commit = await eventOf("commit", 1, settled, { atMs: startMs + 2_000, id: "e2" });
    const row = exporter.add(commit);
    expect(row).toMatchObject({
      BilledCost: "0.05000001",
      EffectiveCost: "0.05000001",
      BillingCurrency: "USD",
      BillingPeriodStart: "2026-06-01T00:00:00.000Z",
      BillingPeriodEnd: "2026-07-01T00:00:00.000Z",
      ChargeCategory: "Usage",
      ChargePeriodStart: "2026-06-01T12:00:00.000Z",
      ChargePeriodEnd: "2026-06-01T12:00:02.000Z",
      ConsumedQuantity: "5000001",
      ConsumedUnit: "USD_MICROCENTS",
      SubAccountId: "team",
      AvailabilityZone: null,
    });
    const tags: unknown = JSON.parse(row?.Tags ?? "");
    expect(tags).toEqual({ budget_id: "team", reservation_id: "r1", decision_id: decisionId(1), audit_event_id: "e2" });
    if (row === undefined) return;
    expect(focusCsvHeader().split(",")).toEqual([...focusColumns]);
    expect(focusCsvLine(row)).toContain('"Provider, Inc."');
    expect(focusCsvLine(row).startsWith(",0.05000001,acme,,USD,")).toBe(true);
    expect(JSON.parse(focusJsonLine(row))).toEqual(row);
    expect(exporter.add(commit)).toBeUndefined();
  });

  it("a refund is a credit, tokens cost nothing by themselves, a release is no row", async () => {
    const exporter = createFocusExporter({ ...options, currency: "EUR" });
    exporter.add(await eventOf("reserve", 1, reserveData()));
    exporter.add(
      await eventOf("commit", 1, { reservation_id: "r1", amount_atomic_observed: "1000", exact_match: true }),
    );
    const refund = { reservation_id: "r1", amount_atomic_refunded: "40", original_commit_event_id: "e" };
    expect(exporter.add(await eventOf("refund", 1, refund))).toMatchObject({
      ChargeCategory: "Credit",
      ConsumedQuantity: "-40",
      ConsumedUnit: "output_token",
      BilledCost: "0",
      BillingCurrency: "EUR",
    });
    exporter.add(await eventOf("reserve", 2, reserveData()));
    expect(exporter.add(await eventOf("release", 2, { reservation_id: "r2" }))).toBeUndefined();
  });

  it("a field that a spreadsheet would run is made text", async () => {
    const exporter = createFocusExporter({ ...options, billingAccountId: '=cmd|"x"' });
    exporter.add(await eventOf("reserve", 1, reserveData()));
    const row = exporter.add(
      await eventOf("commit", 1, { reservation_id: "r1", amount_atomic_observed: "1000", exact_match: true }),
    );
    expect(row === undefined ? "" : focusCsvLine(row)).toContain(`"'=cmd|""x"""`);
  });
});
