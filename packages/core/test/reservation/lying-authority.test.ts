import {
  type Amount,
  AuthorityUnreachableError,
  type Grant,
  ProtocolError,
  credits,
  silentLogger,
  usd,
  withReservation,
} from "@imprest/core";
import { committed, fakeAuthority } from "@imprest/testing";
import { describe, expect, it, vi } from "vitest";
import { cents, request } from "./fixtures.ts";

describe("a grant that cannot be used", () => {
  it.each<[string, Partial<Grant>, boolean]>([
    ["in another unit", { reserved: credits(5) }, true],
    ["of a negative amount", { reserved: usd("-1") }, true],
    ["whose id is a path segment upwards", { id: ".." }, false],
    ["whose id is empty", { id: "" }, false],
    ["whose id holds a line break", { id: "rsv\n1" }, false],
  ])(
    "%s never runs the body, failOpen or not, and is given back where it can be",
    async (_what, grant, isGivenBack) => {
      const body = vi.fn();
      const authority = fakeAuthority({ reserve: [() => grant] });
      const run = withReservation(authority, request, body, { failOpen: { reason: "test" } });
      await expect(run).rejects.toThrow(AuthorityUnreachableError);
      expect(body).not.toHaveBeenCalled();
      await vi.waitFor(() => expect(authority.calls).toEqual(isGivenBack ? ["reserve", "release"] : ["reserve"]));
      expect(authority.named("bypass")).toEqual([]);
    },
  );
});

/** An authority whose answers name this charge, whatever is committed. */
const charging = (charged: Amount, error: () => void) =>
  fakeAuthority({
    environment: { logger: { ...silentLogger, error } },
    settle: [
      (instruction) => {
        const answer = committed(instruction);
        return "settled" in answer ? { settled: { ...answer.settled, charged } } : answer;
      },
    ],
  });

describe("a charge that is not what was committed", () => {
  it.each([
    ["in another unit", credits(1), "charged 1 CREDITS for a commit of 1000000 USD_MICROCENTS"],
    ["above it", cents(2), "charged 2000000 USD_MICROCENTS for a commit of 1000000 USD_MICROCENTS"],
  ])("%s is flagged on the settlement and logged", async (_what, charged, discrepancy) => {
    const error = vi.fn();
    const { settlement } = await withReservation(charging(charged, error), request, () => 1, { spend: () => cents(1) });
    expect(settlement).toMatchObject({ status: "committed", discrepancy });
    expect(error).toHaveBeenCalledTimes(1);
  });

  it("below it leaves a rest uncovered, on every authority, and is logged", async () => {
    const error = vi.fn();
    const authority = charging(usd("0.004"), error);
    const { settlement } = await withReservation(authority, request, () => 1, { spend: () => usd("0.010") });
    expect(settlement).toMatchObject({ status: "committed", charged: usd("0.004"), uncovered: usd("0.006") });
    expect(settlement.discrepancy).toBeUndefined();
    expect(error.mock.calls).toEqual([
      [
        "an authority charged less than was spent",
        expect.objectContaining({ reservationId: settlement.reservationId }),
      ],
    ]);
  });
});

it("only 500 to 599 is a server failure that failOpen opens for", async () => {
  for (const status of [600, 999, 499]) {
    const authority = fakeAuthority({
      reserve: [
        () => {
          throw new ProtocolError("no", { protocol: "fake", status, errorCode: "X" });
        },
      ],
    });
    const body = vi.fn();
    await expect(withReservation(authority, request, body, { failOpen: { reason: "x" } })).rejects.toThrow("no");
    expect(body).not.toHaveBeenCalled();
  }
});
