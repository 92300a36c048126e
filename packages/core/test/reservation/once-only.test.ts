import { SettlementError, SpendUnknownError, openReservation, usdMicrocents, withReservation } from "@imprest/core";
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

  it("methods taken off the reservation work: a spend told through one is not lost", async () => {
    const authority = fakeAuthority();
    const paid = withReservation(authority, request, ({ spending, spend }) => {
      spending();
      spend(cents(1));
    });
    expect((await paid).settlement.status).toBe("committed");
    expect(authority.calls).toEqual(["reserve", "commit"]);
    const { commit } = await openReservation(authority, request);
    await expect(Promise.resolve(cents(1)).then(commit)).resolves.toMatchObject({ status: "committed" });
    const { release } = await openReservation(authority, request);
    await expect(release()).resolves.toMatchObject({ status: "released" });
  });

  it.each(["spend", "spending"] as const)("a release after %s() throws", async (touch) => {
    const authority = fakeAuthority();
    const reservation = await openReservation(authority, request);
    if (touch === "spend") reservation.spend(cents(1));
    else reservation.spending();
    await expect(reservation.release()).rejects.toMatchObject({ name: "SettlementError", spendHappened: true });
    expect(authority.calls).toEqual(["reserve"]);
  });

  it("a commit after a release throws; a second release is the first one's answer", async () => {
    const authority = fakeAuthority();
    const reservation = await openReservation(authority, request);
    const first = await reservation.release("changed my mind");
    expect(await reservation.release()).toBe(first);
    await expect(reservation.commit(cents(1))).rejects.toMatchObject({ name: "SettlementError", spendHappened: false });
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
  it("releases what was never spent", async () => {
    const authority = fakeAuthority();
    {
      await using reservation = await openReservation(authority, request);
      void reservation;
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
      reservation.spending();
    };
    await expect(scope()).rejects.toThrow(SpendUnknownError);
    expect(authority.calls).toEqual(["reserve"]);
  });
});

describe("law: whatever is called in whatever order", () => {
  interface Step {
    readonly kind: "spend" | "commit" | "spending" | "release" | "bare";
    readonly amount: bigint;
  }
  const kind = fc.constantFrom<Step["kind"]>("spend", "commit", "spending", "release", "bare");
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
            if (next.kind === "spending") reservation.spending();
            else if (next.kind === "release") await reservation.release();
            else if (next.kind === "bare") await reservation.commit();
            else if (next.kind === "spend") reservation.spend(usdMicrocents(next.amount));
            else await reservation.commit(usdMicrocents(next.amount));
            if (["spend", "commit"].includes(next.kind)) told = next.amount;
            if (next.kind !== "release") touched = true;
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
