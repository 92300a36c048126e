import {
  type Cap,
  type Metrics,
  type ReserveRequest,
  type SpendExtras,
  ValidationError,
  capped,
  credits,
  openReservation,
  silentLogger,
  withReservationStream,
} from "@imprest/core";
import { fakeAuthority } from "@imprest/testing";
import fc from "fast-check";
import { describe, expect, it, vi } from "vitest";
import { cents, request } from "./fixtures.ts";

describe("a request that no authority could reserve for is refused before it leaves", () => {
  const noWhole = "is not a whole number of milliseconds above 0";
  it.each<[string, unknown, string]>([
    ["/estimate/amount", { estimate: { unit: "USD_MICROCENTS", amount: -1n } }, "is negative"],
    ["/action/kind", { action: { kind: "" } }, 'is missing; name what is done, such as "llm.completion"'],
    ["/action/kind", { action: { kind: 5 } }, 'is missing; name what is done, such as "llm.completion"'],
    ["/action/kind", { action: undefined }, 'is missing; name what is done, such as "llm.completion"'],
    ["/ttlMs", { ttlMs: 0 }, noWhole],
    ["/ttlMs", { ttlMs: -1 }, noWhole],
    ["/ttlMs", { ttlMs: 1.5 }, noWhole],
    ["/ttlMs", { ttlMs: "1000" }, noWhole],
    ["/parent", { parent: {} }, "is no member of a request; options go in the last argument"],
  ])("%s of %o", async (pointer, wrong, message) => {
    const authority = fakeAuthority();
    const opening = openReservation(authority, { ...request, ...(wrong as object) });
    const error: unknown = await opening.catch((caught: unknown) => caught);
    expect(ValidationError.isInstance(error) && error.message).toMatch(/^reserve request: /);
    const issues = ValidationError.isInstance(error) ? error.issues : [];
    expect(issues).toEqual([{ pointer, message }]);
    expect(authority.calls).toEqual([]);
  });

  it("an estimate of nothing is one", async () => {
    const authority = fakeAuthority();
    await openReservation(authority, { ...request, estimate: cents(0) });
    expect(authority.requests).toMatchObject([{ estimate: cents(0) }]);
  });

  it("every member that a request has is taken", async () => {
    const whole: Required<ReserveRequest> = {
      ...request,
      subject: { tenant: "acme" },
      ttlMs: 1,
      metadata: { run: "1" },
      extensions: {},
    };
    const authority = fakeAuthority();
    await openReservation(authority, whole);
    expect(authority.requests).toEqual([whole]);
  });
});

describe("a numeric cap", () => {
  const caps = (value: unknown): readonly Cap[] => [
    { name: "max_seconds", value: 1 },
    { name: "max_tokens", value },
  ];

  it("law: what is wanted, or the cap where that is smaller; of a number and of a bigint", () => {
    fc.assert(
      fc.property(fc.nat(), fc.nat(), (wanted, cap) => {
        expect(capped(caps(cap), "max_tokens", wanted)).toBe(Math.min(cap, wanted));
        expect(capped(caps(BigInt(cap)), "max_tokens", wanted)).toBe(Math.min(cap, wanted));
        expect(capped(caps(cap), "max_steps", wanted)).toBe(wanted);
      }),
    );
  });

  it("of nothing allows nothing", () => {
    expect(capped(caps(0), "max_tokens", 9)).toBe(0);
  });

  it.each([[-1], [Number.NaN], [Infinity], ["5"], [null], [-1n]])("of %o is refused", (value) => {
    const issues = [{ pointer: "/max_tokens", message: "is not a number of 0 or more" }];
    expect(() => capped(caps(value), "max_tokens", 9)).toThrow(
      expect.objectContaining({ name: "ValidationError", issues, message: expect.stringMatching(/^caps: /) }),
    );
  });
});

describe("what decorates a spend", () => {
  /** What a spend's instruction is made of, and which members the logger was warned of. */
  async function decorated(metrics: unknown, extras?: unknown) {
    const warn = vi.fn();
    const authority = fakeAuthority({ environment: { logger: { ...silentLogger, warn } } });
    const prepare = vi.spyOn(authority, "prepare");
    const reservation = await openReservation(authority, request);
    reservation.spend(cents(1), metrics as Metrics, extras as SpendExtras);
    await reservation.commit();
    const intent = prepare.mock.calls[0]?.[1];
    const { amount: _amount, basis: _basis, ...details } = intent?.kind === "commit" ? intent.spend : {};
    return { details, dropped: warn.mock.calls.map(([text, fields]) => [text, fields] as const) };
  }
  const whole = { inputTokens: 0, outputTokens: 7, latencyMs: 3, modelVersion: "m-1", custom: { retries: 2 } };

  it("reaches the authority whole where every wire can carry it", async () => {
    const extras = { metadata: { run: "1" }, facts: { payment: "p" } };
    expect(await decorated(whole, extras)).toEqual({ details: { metrics: whole, ...extras }, dropped: [] });
  });

  it("says nothing where it is null or absent", async () => {
    const nulls = { inputTokens: null, modelVersion: null, custom: null };
    expect(await decorated(nulls, { metadata: null })).toEqual({ details: { metrics: {} }, dropped: [] });
    expect(await decorated(null, { facts: { a: 1 } })).toEqual({ details: { facts: { a: 1 } }, dropped: [] });
    expect(await decorated(undefined, null)).toEqual({ details: {}, dropped: [] });
  });

  const rounded = "is not a whole number of 0 or more; round it";
  it.each<[string, unknown, unknown, string]>([
    ["metrics.inputTokens", { inputTokens: -1 }, undefined, rounded],
    ["metrics.outputTokens", { outputTokens: "7" }, undefined, rounded],
    ["metrics.latencyMs", { latencyMs: 1.5 }, undefined, rounded],
    ["metrics.modelVersion", { modelVersion: 5 }, undefined, "is not text"],
    ["metrics.custom", { custom: "x" }, undefined, "is no object"],
    ["metadata", undefined, { metadata: "x" }, "is no object"],
    ["facts", undefined, { facts: 5 }, "is no object"],
  ])("%s is left out of the spend with its reason, and the rest stays", async (member, metrics, extras, reason) => {
    const { details, dropped } = await decorated(
      metrics === undefined ? undefined : { ...whole, ...(metrics as object) },
      extras,
    );
    const message = "a spend was noted without a member that no wire can carry";
    expect(dropped).toEqual([[message, { reservationId: "rsv_1", member, reason }]]);
    const { [member.slice("metrics.".length)]: _left, ...rest } = whole as Record<string, unknown>;
    expect(details).toEqual(metrics === undefined ? {} : { metrics: rest });
  });

  it("is left out whole where a getter of it throws, and an error or anything else is the reason", async () => {
    const throwing = (thrown: unknown) => ({
      get metadata(): never {
        throw thrown;
      },
    });
    const reasons = await Promise.all(
      [new Error("boom"), "boom"].map(async (thrown) => (await decorated(undefined, throwing(thrown))).dropped),
    );
    const member = "metrics, metadata and facts";
    expect(reasons.map(([first]) => first?.[1])).toEqual([
      { reservationId: "rsv_1", member, reason: "boom" },
      { reservationId: "rsv_1", member, reason: "cannot be read" },
    ]);
  });

  it("grows by what is said later: a later member replaces an earlier one", async () => {
    const authority = fakeAuthority();
    const prepare = vi.spyOn(authority, "prepare");
    const reservation = await openReservation(authority, request);
    reservation.spend(cents(1), { inputTokens: 1 }, { metadata: { run: "1" } });
    reservation.spend(cents(2), { outputTokens: 2 });
    reservation.spend(cents(3));
    await reservation.commit();
    expect(prepare.mock.calls[0]?.[1]).toMatchObject({
      spend: { amount: cents(3), metrics: { outputTokens: 2 }, metadata: { run: "1" } },
    });
  });
});

describe("a stated spend", () => {
  it.each<[unknown, string, string]>([
    [credits(1), "/unit", "is CREDITS, but the reservation is in USD_MICROCENTS; convert it first"],
    [{ unit: "USD_MICROCENTS", amount: -1n }, "/amount", "is negative"],
    [cents(1), "/amount", "is smaller than before; pass the total spent so far, which only grows"],
  ])("%o after two cents is refused with the reason", async (wrong, pointer, message) => {
    const reservation = await openReservation(fakeAuthority(), request);
    reservation.spend(cents(2));
    const issues = [{ pointer, message }];
    expect(() => reservation.spend(wrong as ReturnType<typeof cents>)).toThrow(
      expect.objectContaining({ message: `spend: ${pointer}: ${message}`, issues }),
    );
  });

  it("of the same total again is taken, and of a smaller one leaves the first in the books", async () => {
    const authority = fakeAuthority();
    const reservation = await openReservation(authority, request);
    reservation.spend(cents(2));
    reservation.spend(cents(2));
    expect(() => reservation.spend(cents(1))).toThrow(ValidationError);
    await expect(reservation.commit()).resolves.toMatchObject({ status: "committed" });
    expect(authority.settled[0]?.spent).toEqual({ unit: "USD_MICROCENTS", amount: "2000000" });
  });
});

describe("the limits of a stream", () => {
  it.each(["idleMs", "longestMs"])("%s of nothing is refused, and one millisecond or for ever is taken", (name) => {
    const stream = (limit: unknown) =>
      withReservationStream(fakeAuthority(), request, async function* () {}, { [name]: limit })[Symbol.asyncIterator]();
    const message = `${name} must be a number of milliseconds above 0, or Infinity.`;
    for (const limit of [0, -1, Number.NaN]) {
      expect(() => stream(limit)).toThrow(expect.objectContaining({ name: "ConfigurationError", message }));
    }
    for (const limit of [1, Infinity]) stream(limit);
  });
});
