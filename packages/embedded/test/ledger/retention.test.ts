import { tokens } from "@imprest/core";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Ledger, type LedgerOptions } from "../../src/ledger/ledger.ts";
import { TenantRetention } from "../../src/ledger/tenant-retention.ts";
import { FakeClock, MapStore } from "../support.ts";

const action = { kind: "test" };
const dayMs = 86_400_000;

function open(options: LedgerOptions = {}) {
  const clock = new FakeClock();
  const ledger = new Ledger({ clock, ...options });
  const tenants = ["one", "other"] as const;
  for (const tenant of tenants) ledger.createBudget({ scope: { tenant }, allocated: tokens(1_000_000) });
  const request = (tenant: string, idempotencyKey: string) => ({
    tenant,
    idempotencyKey,
    subject: { tenant },
    action,
  });
  return {
    clock,
    ledger,
    event: (tenant: string, key: string) => ledger.recordEvent({ ...request(tenant, key), actual: tokens(1) }).eventId,
    decide: (tenant: string, key: string) => ledger.decide({ ...request(tenant, key), estimate: tokens(1) }),
    reserve: (tenant: string, key: string) =>
      ledger.reserve({ ...request(tenant, key), estimate: tokens(1) }).reservation?.id ?? "",
    commit: (tenant: string, reservationId: string) =>
      ledger.commit({ tenant, reservationId, idempotencyKey: "c", actual: tokens(1) }),
    spent: (tenant: string) => ledger.getBudget({ scope: { tenant }, unit: "TOKENS" }).spent,
  };
}

const many = Array.from({ length: 30 }, (_, at) => `k${at}`);

describe("what the ledger remembers", () => {
  it("no tenant makes it forget another's events, fundings or settlements", () => {
    const { ledger, event, decide, reserve, commit, spent } = open({
      retention: { idempotencyKeys: 5, finishedReservations: 5 },
    });
    const booked = event("one", "e");
    const funding = { scope: { tenant: "one" }, amount: tokens(7), idempotencyKey: "f" };
    const funded = ledger.fundBudget(funding);
    const reservation = reserve("one", "r");
    const committed = commit("one", reservation);
    for (const key of many) {
      event("other", key);
      decide("other", key);
      commit("other", reserve("other", key));
    }
    expect(event("one", "e")).toBe(booked);
    expect(ledger.fundBudget(funding)).toEqual(funded);
    expect(reserve("one", "r")).toBe(reservation);
    expect(commit("one", reservation)).toEqual(committed);
    expect(spent("one")).toBe(2n);
  });

  it("decisions and dry runs do not crowd out the events of their own tenant", () => {
    const { ledger, event, decide, spent } = open({ retention: { idempotencyKeys: 5 } });
    const booked = event("one", "e");
    for (const key of many) {
      decide("one", key);
      const request = { tenant: "one", idempotencyKey: `dry-${key}`, subject: { tenant: "one" }, action };
      ledger.dryRun({ ...request, estimate: tokens(1) });
    }
    expect(event("one", "e")).toBe(booked);
    expect(spent("one")).toBe(1n);
  });

  it("cycles 3, dedupe horizons: events for 7 days, settlements for 30, as the reference server", () => {
    const { clock, event, reserve, commit, spent } = open();
    const booked = event("one", "e");
    const reservation = reserve("one", "r");
    const committed = commit("one", reservation);
    clock.advance(7 * dayMs);
    expect(event("one", "e")).toBe(booked);
    clock.advance(1);
    expect(event("one", "e")).not.toBe(booked);
    clock.advance(23 * dayMs - 1);
    expect(commit("one", reservation)).toEqual(committed);
    clock.advance(1);
    expect(() => commit("one", reservation)).toThrow(expect.objectContaining({ reason: "NOT_FOUND" }));
    expect(spent("one")).toBe(3n);
  });

  it("says what it has really remembered once a number makes it forget, also after it was opened again", async () => {
    const store = new MapStore();
    const retention = { idempotencyKeys: 3 };
    const { clock, ledger, event } = open({ store, retention });
    for (const key of ["a", "b"]) event("one", key);
    expect(ledger.eventsRememberedMs("one")).toBe(7 * dayMs);
    for (const key of ["c", "d"]) {
      clock.advance(1_000);
      event("one", key);
    }
    clock.advance(500);
    // "a" is forgotten; "b", as old as it, is not.
    expect(ledger.eventsRememberedMs("one")).toBe(2_499);
    expect(ledger.eventsRememberedMs("other")).toBe(7 * dayMs);
    await ledger.durable();
    const reopened = new Ledger({ clock, store: new MapStore(store.disk), retention });
    expect(reopened.eventsRememberedMs("one")).toBe(2_499);
  });

  it("has nothing remembered for sure when it may keep nothing", () => {
    const { ledger, event } = open({ retention: { idempotencyKeys: 0 } });
    expect(ledger.eventsRememberedMs("one")).toBe(0);
    expect(event("one", "e")).not.toBe(event("one", "e"));
  });

  it("whatever is younger than it says is remembered, and no tenant has more than its number (law)", () => {
    const step = fc.record({ tenant: fc.constantFrom("a", "b", "c"), afterMs: fc.integer({ min: 0, max: 40 }) });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 80 }), fc.integer({ min: 0, max: 5 }), (steps, most) => {
        const kept = new Set<{ tenant: string; atMs: number }>();
        const all: { tenant: string; atMs: number }[] = [];
        const retention = new TenantRetention<{ tenant: string; atMs: number }>(
          { forMs: 100, entries: most },
          (entry) => {
            expect(kept.delete(entry)).toBe(true);
          },
        );
        let nowMs = 0;
        for (const { tenant, afterMs } of steps) {
          nowMs += afterMs;
          retention.prune(nowMs);
          const entry = { tenant, atMs: nowMs };
          all.push(entry);
          kept.add(entry);
          retention.add(entry, nowMs);
          for (const each of ["a", "b", "c"]) {
            const rememberedMs = retention.rememberedMs(each, nowMs + 1);
            const mine = [...kept].filter((one) => one.tenant === each);
            expect(mine.length).toBeLessThanOrEqual(most);
            expect(mine.every(({ atMs }) => nowMs - atMs <= 100)).toBe(true);
            for (const one of all) {
              const isPromised = one.tenant === each && nowMs + 1 - one.atMs <= rememberedMs && nowMs - one.atMs <= 100;
              if (isPromised && rememberedMs > 0) expect(kept.has(one)).toBe(true);
            }
          }
        }
        retention.prune(nowMs + 101);
        expect(kept.size).toBe(0);
      }),
    );
  });
});

describe("what one tenant may hold", () => {
  it("is bounded in active reservations; others, and settlements, go on", () => {
    const { ledger, reserve, commit } = open({ maxActiveReservations: 3 });
    const ids = ["a", "b", "c"].map((key) => reserve("one", key));
    expect(() => reserve("one", "d")).toThrow("has 3 active reservations");
    expect(reserve("one", "a")).toBe(ids[0]);
    reserve("other", "d");
    commit("one", ids[0] ?? "");
    reserve("one", "d");
    expect(ledger.listReservations({ tenant: "one" }).rows.map(({ idempotencyKey }) => idempotencyKey)).toHaveLength(4);
    expect(ledger.listReservations({ tenant: "other" }).rows).toHaveLength(1);
  });

  it("is bounded in metadata, of a request and of all that are finished", () => {
    const { ledger } = open({ maxMetadataBytes: 100, retention: { metadataBytes: 250 } });
    const spend = (key: string, filler: string) => ({
      tenant: "one",
      idempotencyKey: key,
      subject: { tenant: "one" },
      action,
      metadata: { filler },
    });
    const large = "x".repeat(90);
    expect(() => ledger.reserve({ ...spend("a", large), estimate: tokens(1) })).toThrow("larger than 100 bytes");
    expect(() => ledger.recordEvent({ ...spend("a", large), actual: tokens(1) })).toThrow("larger than 100 bytes");
    expect(() => ledger.decide({ ...spend("a", "\u20ac".repeat(30)), estimate: tokens(1) })).toThrow(
      "larger than 100 bytes",
    );
    for (let at = 0; at < 10; at += 1) {
      const { reservation } = ledger.reserve({ ...spend(`k${at}`, "x".repeat(80)), estimate: tokens(1) });
      const reservationId = reservation?.id ?? "";
      ledger.commit({ tenant: "one", reservationId, idempotencyKey: "c", actual: tokens(1) });
    }
    expect(ledger.listReservations({ tenant: "one" }).rows).toHaveLength(2);
  });
});
