import {
  DeniedError,
  type Reservation,
  SettlementError,
  SpendUnknownError,
  type SpendOf,
  openReservation,
  tokens,
  withReservation,
  withReservationStream,
} from "@imprest/core";
import { type FakeAuthority, fakeAuthority } from "@imprest/testing";
import { describe, expect, it } from "vitest";
import { cents, committedAmounts, request } from "./fixtures.ts";

const part = (value: number) => ({ ...request, estimate: cents(value) });

/** A parent of so many cents, and what opens parts of it. */
async function family(value: number) {
  const authority = fakeAuthority();
  const parent = await openReservation(authority, part(value));
  const child = (estimate: number): Promise<Reservation> =>
    openReservation(authority, part(estimate), { parent, nest: "within" });
  return { authority, parent, child };
}

const actual = (amount: number): string => `{"amount":${amount * 1_000_000},"basis":"actual"}`;

describe("a nested reservation that is open", () => {
  it.each<[string, (parent: Reservation) => Promise<unknown>, string[]]>([
    ["committed", (parent) => parent.commit(cents(1)), ["reserve", "commit"]],
    ["released", (parent) => parent.release(), ["reserve", "release"]],
  ])("and has said that it spent nothing lets its parent be %s", async (_end, end, calls) => {
    const { authority, parent, child } = await family(5);
    (await child(2)).unspent();
    await end(parent);
    expect(authority.calls).toEqual(calls);
  });

  it("and may have spent lets its parent be neither released nor exported", async () => {
    const { authority, parent, child } = await family(5);
    await child(2);
    expect(() => parent.unspent()).toThrow(SettlementError);
    expect(() => parent.export()).toThrow("the books would lose it");
    await expect(parent.commit(cents(1))).rejects.toThrow(SpendUnknownError);
    expect(authority.calls).toEqual(["reserve"]);
  });

  it("and may have spent: the estimate stands in for the whole where that was chosen", async () => {
    const authority = fakeAuthority();
    const open = async (parent: Reservation): Promise<void> => {
      await openReservation(authority, part(2), { parent, nest: "within" });
      parent.spend(cents(1));
    };
    const { settlement } = await withReservation(authority, part(5), open, { settle: "estimate" });
    expect(settlement).toMatchObject({ status: "committed", basis: "estimate" });
    expect(authority.settled[0]?.spent?.amount).toBe("5000000");
  });
});

describe("what is left of a parent", () => {
  it("is its estimate less what it spent, what its parts spent, and what open parts hold", async () => {
    const { authority, parent, child } = await family(9);
    parent.spend(cents(1));
    await (await child(3)).commit(cents(2));
    const held = await child(2);
    await expect(child(5)).rejects.toThrow(DeniedError);
    const last = await child(4);
    await last.release();
    await expect(child(5)).rejects.toThrow(DeniedError);
    await held.release();
    await (await child(6)).commit(cents(6));
    await parent.commit();
    expect(committedAmounts(authority)).toEqual([actual(9)]);
  });

  it("is in its own unit: a part in another one is refused with the reason", async () => {
    const { parent } = await family(5);
    const other = { ...request, estimate: tokens(1) };
    await expect(openReservation(fakeAuthority(), other, { parent, nest: "within" })).rejects.toMatchObject({
      name: "ValidationError",
      message: "spend: /unit: is TOKENS, but the reservation is in USD_MICROCENTS; convert it first",
    });
  });
});

describe("a reservation of which something was spent that nobody can name", () => {
  const unclear: Record<string, () => Promise<{ authority: FakeAuthority; parent: Reservation }>> = {
    "by itself, in words that are no amount": async () => {
      const { authority, parent } = await family(5);
      expect(() => parent.spend(tokens(1))).toThrow("USD_MICROCENTS");
      return { authority, parent };
    },
    "by a part of it": async () => {
      const { authority, parent, child } = await family(5);
      await (await child(2)).commit().catch(() => {});
      return { authority, parent };
    },
  };

  it.each(Object.keys(unclear))("%s: is not unspent, released or exported, and is not committed", async (how) => {
    const { authority, parent } = (await unclear[how]?.()) ?? (await family(5));
    expect(() => parent.unspent()).toThrow(SettlementError);
    expect(() => parent.export()).toThrow(SettlementError);
    await expect(parent.release()).rejects.toThrow(SettlementError);
    await expect(parent.commit()).rejects.toThrow(SpendUnknownError);
    expect(authority.calls).toEqual(["reserve"]);
  });

  it("by itself, is known again when it says a whole amount", async () => {
    const { authority, parent } = (await unclear["by itself, in words that are no amount"]?.()) ?? (await family(5));
    await parent.commit(cents(3));
    expect(committedAmounts(authority)).toEqual([actual(3)]);
  });

  it("by a chunk whose price throws, after one that had a price: what is known is in the letter alone", async () => {
    const authority = fakeAuthority();
    const spend = (chunk: number): SpendOf => {
      if (chunk === 2) throw new Error("no price");
      return cents(chunk);
    };
    const numbers = async function* (): AsyncGenerator<number> {
      yield* [1, 2];
    };
    const read = async (): Promise<void> => {
      for await (const _ of withReservationStream(authority, part(5), numbers, { spend }));
    };
    await expect(read()).rejects.toThrow(SpendUnknownError);
    expect(authority.calls).toEqual(["reserve"]);
    expect(authority.named("dead-letter")).toHaveLength(1);
    for await (const { value } of authority.records.scan("dead-letter:")) {
      expect(value).toMatchObject({ kind: "spend-unknown", spent: { amount: "1000000" } });
    }
  });
});

describe("an estimate that stands in for a body with reservations of their own in it", () => {
  it.each<[string, (authority: FakeAuthority, parent: Reservation) => Promise<unknown>, number]>([
    [
      "that were charged more than it is nothing",
      (authority, parent) => withReservation(authority, part(5), () => 1, { parent, spend: () => cents(6) }),
      0,
    ],
    [
      "that were charged in another unit is whole",
      (authority, parent) =>
        withReservation(authority, { ...request, estimate: tokens(9) }, () => 1, { parent, spend: () => tokens(9) }),
      5,
    ],
    [
      "that were released is whole",
      (authority, parent) => withReservation(authority, part(5), ({ unspent }) => unspent(), { parent }),
      5,
    ],
    [
      "that are parts of it, and were charged within it, is whole",
      (authority, parent) =>
        withReservation(authority, part(2), () => 1, { parent, nest: "within", spend: () => cents(2) }).then(() =>
          openReservation(authority, part(1), { parent, nest: "within" }),
        ),
      5,
    ],
  ])("%s", async (_what, inner, left) => {
    const authority = fakeAuthority();
    await withReservation(authority, part(5), (parent) => inner(authority, parent), { settle: "estimate" });
    expect(committedAmounts(authority).at(-1)).toBe(`{"amount":${left * 1_000_000},"basis":"estimate"}`);
  });
});
