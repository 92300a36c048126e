import {
  type Reservation,
  SettlementError,
  SpendUnknownError,
  openReservation,
  settlementQueue,
  usdMicrocents,
  withReservation,
} from "@imprest/core";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { fakeAuthority } from "@imprest/testing";
import { cents, committedAmounts, request } from "./fixtures.ts";

describe("a reservation settles once", () => {
  it("two commits at once, and a later one of the same amount, send one request", async () => {
    const authority = fakeAuthority();
    const reservation = await openReservation(authority, request);
    reservation.spend(cents(1));
    const both = await Promise.all([reservation.commit(), reservation.commit(cents(1))]);
    expect(both[0]).toBe(both[1]);
    expect(await reservation.commit()).toBe(both[0]);
    expect(await reservation.settlement).toBe(both[0]);
    expect(authority.calls).toEqual(["reserve", "commit"]);
  });

  it("a second, different commit throws and sends nothing", async () => {
    const authority = fakeAuthority();
    const reservation = await openReservation(authority, request);
    await reservation.commit(cents(1));
    await expect(reservation.commit(cents(2))).rejects.toMatchObject({ name: "SettlementError", spendHappened: true });
    expect(() => reservation.spend(cents(2))).toThrow(SettlementError);
    expect(authority.calls).toEqual(["reserve", "commit"]);
  });

  it("methods taken off the reservation work: a spend stated through one is not lost", async () => {
    const authority = fakeAuthority();
    const paid = withReservation(authority, request, ({ spend }) => {
      spend(cents(1));
    });
    expect((await paid).settlement.status).toBe("committed");
    expect(authority.calls).toEqual(["reserve", "commit"]);
    const { commit } = await openReservation(authority, request);
    await expect(Promise.resolve(cents(1)).then(commit)).resolves.toMatchObject({ status: "committed" });
    const { release } = await openReservation(authority, request);
    await expect(release()).resolves.toMatchObject({ status: "released" });
  });

  it("a release or unspent() after spend() throws", async () => {
    const authority = fakeAuthority();
    const reservation = await openReservation(authority, request);
    reservation.spend(cents(1));
    await expect(reservation.release()).rejects.toMatchObject({ name: "SettlementError", spendHappened: true });
    expect(() => reservation.unspent()).toThrow(SettlementError);
    expect(authority.calls).toEqual(["reserve"]);
  });

  it.each<[string, (reservation: Reservation) => unknown]>([
    ["spend()", (reservation) => reservation.spend(cents(3))],
    ["commit()", (reservation) => reservation.commit(cents(3))],
  ])("what %s states after the end is a dead letter of what the books lack", async (_name, state) => {
    const authority = fakeAuthority();
    const released = await openReservation(authority, request);
    await released.release();
    await expect((async () => state(released))()).rejects.toMatchObject({ spendHappened: true });
    const committed = await openReservation(authority, request);
    await committed.commit(cents(1));
    await expect((async () => state(committed))()).rejects.toMatchObject({ spendHappened: true });
    await settlementQueue(authority).flush({ timeoutMs: 1_000 });
    const letters = [];
    for await (const { kind, spent } of settlementQueue(authority).deadLetters.list()) letters.push({ kind, spent });
    expect(letters).toEqual([
      { kind: "late", spent: cents(3) },
      { kind: "late", spent: cents(2) },
    ]);
  });

  it("a commit by hand of a stand-in is marked as an estimate", async () => {
    const authority = fakeAuthority();
    const reservation = await openReservation(authority, request);
    const settlement = await reservation.commit(cents(2), { basis: "estimate", outputTokens: 5 });
    expect(settlement).toMatchObject({ status: "committed", basis: "estimate" });
    expect(committedAmounts(authority)).toEqual(['{"amount":2000000,"basis":"estimate"}']);
  });

  it("a commit after a release throws; a second release is the first one's answer", async () => {
    const authority = fakeAuthority();
    const reservation = await openReservation(authority, request);
    const first = await reservation.release("changed my mind");
    expect(await reservation.release()).toBe(first);
    await expect(reservation.commit(cents(1))).rejects.toMatchObject({ name: "SettlementError", spendHappened: true });
    expect(authority.settled[0]?.body).toBe('{"reason":"changed my mind"}');
  });

  it("spend is a total that only grows, in the reservation's unit", async () => {
    const reservation = await openReservation(fakeAuthority(), request);
    reservation.spend(cents(2));
    expect(() => reservation.spend(cents(1))).toThrow("only grows");
    expect(() => reservation.spend({ unit: "TOKENS", amount: 5n })).toThrow("USD_MICROCENTS");
    expect(() => reservation.spend({ unit: "USD_MICROCENTS", amount: 0.5 as unknown as bigint })).toThrow("bigint");
  });

  it("a commit with nothing known sends nothing and leaves the reservation to its TTL", async () => {
    const authority = fakeAuthority();
    const reservation = await openReservation(authority, request);
    await expect(reservation.commit()).rejects.toThrow(SpendUnknownError);
    await expect(reservation.settlement).rejects.toThrow(SpendUnknownError);
    expect(authority.calls).toEqual(["reserve"]);
  });
});

describe("await using", () => {
  it("releases what was said to be unspent", async () => {
    const authority = fakeAuthority();
    {
      await using reservation = await openReservation(authority, request);
      reservation.unspent();
    }
    expect(authority.calls).toEqual(["reserve", "release"]);
  });

  it("commits what is known and leaves what was settled alone", async () => {
    const authority = fakeAuthority();
    {
      await using first = await openReservation(authority, request);
      first.spend(cents(1));
      await using second = await openReservation(authority, request);
      await second.commit(cents(2));
    }
    expect(authority.calls).toEqual(["reserve", "reserve", "commit", "commit"]);
  });

  it("throws for a spend that nobody priced", async () => {
    const authority = fakeAuthority();
    const scope = async (): Promise<void> => {
      await using reservation = await openReservation(authority, request);
      void reservation;
    };
    await expect(scope()).rejects.toThrow(SpendUnknownError);
    expect(authority.calls).toEqual(["reserve"]);
  });
});

describe("law: whatever is called in whatever order", () => {
  interface Step {
    readonly kind: "spend" | "commit" | "unspent" | "release" | "bare";
    readonly amount: bigint;
  }
  const kind = fc.constantFrom<Step["kind"]>("spend", "commit", "unspent", "release", "bare");
  const step: fc.Arbitrary<Step> = fc.record({ kind, amount: fc.bigInt(0n, 5n) });

  it("at most one settlement leaves, never less than was spent, and a release only when nothing was", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 8 }), async (steps) => {
        const authority = fakeAuthority();
        const reservation = await openReservation(authority, request);
        let told = 0n;
        let touched = false;
        for (const next of steps) {
          try {
            if (next.kind === "unspent") reservation.unspent();
            else if (next.kind === "release") await reservation.release();
            else if (next.kind === "bare") await reservation.commit();
            else if (next.kind === "spend") reservation.spend(usdMicrocents(next.amount));
            else await reservation.commit(usdMicrocents(next.amount));
            if (["spend", "commit"].includes(next.kind)) told = next.amount;
            if (["spend", "commit"].includes(next.kind) && next.amount > 0n) touched = true;
          } catch {
            // Refused, and nothing was sent: what counts is what left.
          }
        }
        const sent = authority.calls.slice(1);
        expect(sent.length).toBeLessThanOrEqual(1);
        if (sent[0] === "release") expect(touched).toBe(false);
        if (sent[0] === "commit") expect(committedAmounts(authority)[0]).toContain(`"amount":${told},`);
      }),
      { numRuns: 500 },
    );
  });
});
