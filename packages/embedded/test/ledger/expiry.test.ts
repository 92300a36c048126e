import { tokens } from "@imprest/core";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ExpiryQueue } from "../../src/ledger/expiry-queue.ts";
import { Ledger } from "../../src/ledger/ledger.ts";
import { FakeClock } from "../support.ts";

const scope = { tenant: "acme" };
const action = { kind: "test" };

function open(): { readonly clock: FakeClock; readonly ledger: Ledger; readonly reserve: (ttlMs?: number) => string } {
  const clock = new FakeClock();
  const ledger = new Ledger({ clock });
  ledger.createBudget({ scope, allocated: tokens(1_000) });
  let keys = 0;
  const reserve = (ttlMs = 1_000): string => {
    const request = { tenant: "acme", idempotencyKey: `k${(keys += 1)}`, subject: scope, action, ttlMs, graceMs: 500 };
    return ledger.reserve({ ...request, estimate: tokens(10) }).reservation?.id ?? "";
  };
  return { clock, ledger, reserve };
}

const commit = (ledger: Ledger, reservationId: string): unknown =>
  ledger.commit({ tenant: "acme", reservationId, idempotencyKey: "c", actual: tokens(10) });
const reserved = (ledger: Ledger): bigint => ledger.getBudget({ scope, unit: "TOKENS" }).reserved;

describe("expiry", () => {
  it("takes a commit through the last millisecond of the grace, and none after it", () => {
    const { clock, ledger, reserve } = open();
    const [first, second] = [reserve(), reserve()];
    clock.advance(1_500);
    commit(ledger, first);
    clock.advance(1);
    expect(() => commit(ledger, second)).toThrow(expect.objectContaining({ reason: "RESERVATION_EXPIRED" }));
    expect(reserved(ledger)).toBe(0n);
  });

  it("gives the budget back by one timer, without a call", () => {
    const { clock, ledger, reserve } = open();
    const kept = reserve(10_000);
    for (let at = 0; at < 20; at += 1) reserve();
    expect(clock.timers).toBe(1);
    clock.advance(1_501);
    // `listReservations` would sweep too: the timer must have done it, and waits for the last one now.
    expect(clock.timers).toBe(1);
    expect(reserved(ledger)).toBe(10n);
    commit(ledger, kept);
    clock.advance(20_000);
    expect(clock.timers).toBe(0);
  });

  it("does not depend on when the timer runs", () => {
    const { clock, ledger, reserve } = open();
    reserve();
    clock.stall(1_501);
    expect(reserved(ledger)).toBe(0n);
  });

  it.each([
    ["back", -86_400_000],
    ["forward", 86_400_000],
  ])("neither revives nor kills a reservation when the wall clock is set %s by a day", (_way, byMs) => {
    const { clock, ledger, reserve } = open();
    const id = reserve();
    clock.jump(byMs);
    clock.advance(900);
    expect(reserved(ledger)).toBe(10n);
    const extended = ledger.extend({ tenant: "acme", reservationId: id, idempotencyKey: "e", byMs: 1_000 });
    expect(extended.remainingTtlMs).toBe(1_100);
    clock.advance(1_601);
    expect(reserved(ledger)).toBe(0n);
  });

  it("extends from the expiry as it stands, to a day ahead at most, and repeats an extension as it was", () => {
    const { clock, ledger, reserve } = open();
    const id = reserve();
    const extend = (idempotencyKey: string, byMs: number): { expiresAtMs: number; remainingTtlMs: number } =>
      ledger.extend({ tenant: "acme", reservationId: id, idempotencyKey, byMs });
    const first = extend("e1", 2_000);
    expect(first.remainingTtlMs).toBe(3_000);
    clock.advance(500);
    const far = extend("e2", 86_400_000);
    expect(far.remainingTtlMs).toBe(86_400_000);
    expect(extend("e1", 2_000)).toEqual({ ...first, remainingTtlMs: 2_500 });
    ledger.release({ tenant: "acme", reservationId: id, idempotencyKey: "r" });
    expect(extend("e1", 2_000)).toEqual({ ...first, remainingTtlMs: 0 });
  });
});

describe("ExpiryQueue", () => {
  it("hands out what falls due first, whatever comes, moves and goes", () => {
    const change = fc.record({ kind: fc.constantFrom("add", "move", "remove"), at: fc.nat(), dueAtMs: fc.nat(1_000) });
    fc.assert(
      fc.property(fc.array(change, { maxLength: 200 }), (changes) => {
        const queue = new ExpiryQueue<{ dueAtMs: number; queuePosition: number }>();
        const inside: { dueAtMs: number; queuePosition: number }[] = [];
        for (const { kind, at, dueAtMs } of changes) {
          const entry = inside[at % Math.max(1, inside.length)];
          if (kind === "add" || entry === undefined) {
            const added = { dueAtMs, queuePosition: -1 };
            inside.push(added);
            queue.add(added);
          } else if (kind === "move") {
            entry.dueAtMs = dueAtMs;
            queue.update(entry);
          } else {
            inside.splice(inside.indexOf(entry), 1);
            queue.remove(entry);
            queue.remove(entry);
          }
          expect(queue.size).toBe(inside.length);
          expect(queue.first()?.dueAtMs).toBe(
            inside.length === 0 ? undefined : Math.min(...inside.map((e) => e.dueAtMs)),
          );
        }
      }),
    );
  });
});
