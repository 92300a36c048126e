import { DeniedError, SpendUnknownError, tokens, withReservation } from "@imprest/core";
import { asyncReservationContext } from "@imprest/core/node";
import { describe, expect, it } from "vitest";
import { fakeAuthority } from "@imprest/testing";
import { SpendTracker } from "../../src/reservation/spend-tracker.ts";
import { cents, committedAmounts, request } from "./fixtures.ts";

const part = (value: number) => ({ ...request, estimate: cents(value) });

describe("nesting with an explicit parent", () => {
  it("own (the default): the child reserves and commits by itself, the parent only what it said", async () => {
    const authority = fakeAuthority();
    await withReservation(authority, part(5), async (parent) => {
      await withReservation(authority, part(2), () => 1, { parent, spend: () => cents(2) });
      parent.spend(cents(1));
    });
    expect(authority.calls).toEqual(["reserve", "reserve", "commit", "commit"]);
    expect(committedAmounts(authority).map((body) => JSON.parse(body).amount)).toEqual([2_000_000, 1_000_000]);
  });

  it("within: children count as the parent's spend, and nothing is counted twice", async () => {
    const authority = fakeAuthority();
    const { settlement } = await withReservation(authority, part(5), async (parent) => {
      const nest = "within" as const;
      await withReservation(authority, part(2), () => 1, { parent, nest, spend: () => cents(2) });
      await withReservation(authority, part(2), () => 1, { parent, nest, spend: () => cents(1) });
      parent.spend(cents(1));
    });
    expect(settlement.status).toBe("committed");
    expect(authority.calls).toEqual(["reserve", "commit"]);
    expect(committedAmounts(authority)).toEqual(['{"amount":4000000,"basis":"actual"}']);
  });

  it("within: a child that does not fit into what is left is denied before it runs", async () => {
    const authority = fakeAuthority();
    const run = withReservation(authority, part(5), async (parent) => {
      parent.spend(cents(4));
      return withReservation(authority, part(2), () => 1, { parent, nest: "within", settle: "estimate" });
    });
    await expect(run).rejects.toMatchObject({ reasonCode: "PARENT_EXHAUSTED" });
    expect(committedAmounts(authority)).toEqual(['{"amount":4000000,"basis":"actual"}']);
  });

  it("within: two children at once cannot hold more than the parent", async () => {
    const authority = fakeAuthority();
    await withReservation(authority, part(5), async (parent) => {
      const child = () =>
        withReservation(authority, part(3), async () => 1, { parent, nest: "within", spend: () => cents(3) });
      const results = await Promise.allSettled([child(), child()]);
      expect(results.map(({ status }) => status)).toEqual(["fulfilled", "rejected"]);
      expect(results[1]).toMatchObject({ reason: expect.any(DeniedError) });
    });
    expect(committedAmounts(authority)).toEqual(['{"amount":3000000,"basis":"actual"}']);
  });

  it("within: a child whose spend is unknown makes the parent's unknown, never smaller", async () => {
    const authority = fakeAuthority();
    const run = withReservation(authority, part(5), async (parent) => {
      await withReservation(authority, part(2), () => {}, { parent, nest: "within" }).catch(() => {});
      parent.spend(cents(1));
    });
    await expect(run).rejects.toThrow(SpendUnknownError);
    expect(authority.calls).toEqual(["reserve"]);
  });

  it("within: a released child gives its hold back", async () => {
    const authority = fakeAuthority();
    await withReservation(authority, part(3), async (parent) => {
      const nest = "within" as const;
      const fail = () => Promise.reject(new Error("x"));
      const failing = withReservation(authority, part(3), fail, { parent, nest, unspent: () => true });
      await expect(failing).rejects.toThrow("x");
      await withReservation(authority, part(3), () => 1, { parent, nest, spend: () => cents(3) });
    });
    expect(committedAmounts(authority)).toEqual(['{"amount":3000000,"basis":"actual"}']);
  });

  it("a child's signal aborts with its parent's", async () => {
    const authority = fakeAuthority();
    const controller = new AbortController();
    const run = withReservation(
      authority,
      part(5),
      (parent) =>
        withReservation(
          authority,
          part(1),
          (child) =>
            new Promise((_resolve, reject) => {
              child.signal.addEventListener("abort", () => reject(child.signal.reason));
              controller.abort(new Error("stop"));
            }),
          { parent },
        ),
      { signal: controller.signal },
    );
    await expect(run).rejects.toThrow("stop");
  });
});

describe("nesting by itself on Node", () => {
  it("finds the surrounding reservation through async context", async () => {
    const authority = fakeAuthority();
    const environment = { ...authority.environment, context: asyncReservationContext() };
    const nested = { ...authority, environment };
    await withReservation(nested, part(5), async () => {
      await new Promise((resolve) => setTimeout(resolve, 1));
      await withReservation(nested, part(2), () => 1, { nest: "within", spend: () => cents(2) });
    });
    expect(committedAmounts(authority)).toEqual(['{"amount":2000000,"basis":"actual"}']);
  });

  it("without a parent anywhere, nest: 'within' says what is missing", async () => {
    const run = withReservation(fakeAuthority(), request, () => 1, { nest: "within" });
    await expect(run).rejects.toThrow("pass options.parent");
  });
});

describe("an outer reservation that is settled by its estimate", () => {
  it.each<[string, { readonly settle?: "estimate"; readonly partial?: "estimate" }, boolean]>([
    ["settle", { settle: "estimate" }, false],
    ["partial", { partial: "estimate" }, true],
  ])("%s: is charged less by what nested reservations of their own were charged", async (_how, options, throws) => {
    const authority = fakeAuthority();
    const run = withReservation(
      authority,
      part(5),
      async (parent) => {
        await withReservation(authority, part(2), () => 1, { parent, spend: () => cents(2) });
        if (throws) throw new Error("step 3");
      },
      options,
    );
    await run.catch(() => {});
    expect(committedAmounts(authority)).toEqual([
      '{"amount":2000000,"basis":"actual"}',
      '{"amount":3000000,"basis":"estimate"}',
    ]);
  });
});

it("a part costs the same to open and settle, however many others its parent has open", () => {
  /** The least of three rounds, in microseconds of this thread. */
  const costOf = (parts: number): number => {
    const rounds = Array.from({ length: 3 }, () => {
      const before = process.threadCpuUsage();
      const parent = new SpendTracker(tokens(parts));
      const open = Array.from({ length: parts }, () => new SpendTracker(tokens(1)));
      for (const part of open) parent.hold(part);
      for (const part of open) parent.settleNested(part, tokens(1));
      expect(parent.total).toEqual(tokens(parts));
      const { user, system } = process.threadCpuUsage(before);
      return user + system;
    });
    return Math.min(...rounds);
  };
  // A kernel counts in ticks of up to 10 ms. Eight times the parts: eight times the work, and not sixty-four times.
  const few = Math.max(costOf(2_000), 10_000);
  expect(costOf(16_000)).toBeLessThan(24 * few);
});
