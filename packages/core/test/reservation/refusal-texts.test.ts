import {
  AbortedError,
  type BodyOptions,
  type Cap,
  ConnectionError,
  DeniedError,
  type Grant,
  ProtocolError,
  type Reservation,
  ResponseFormatError,
  type SpendEvents,
  TimeoutError,
  credits,
  openReservation,
  withReservation,
} from "@imprest/core";
import { createDeferred } from "@imprest/core/internal";
import { type FakeAuthority, fakeAuthority } from "@imprest/testing";
import { describe, expect, it, vi } from "vitest";
import { cents, request } from "./fixtures.ts";

const throwing = (error: unknown) => (): never => {
  throw error;
};
const maxTokens: readonly Cap[] = [{ name: "max_tokens", value: 400 }];

describe("what openReservation rejects with says what happened and what to do", () => {
  it("an authority without a usable answer", async () => {
    const cause = new ConnectionError("refused");
    const authority = fakeAuthority({ reserve: [throwing(cause)] });
    await expect(openReservation(authority, request, { idempotencyKey: "k" })).rejects.toMatchObject({
      name: "AuthorityUnreachableError",
      message:
        "The fake authority gave no usable answer, so the call did not start. Check that it runs and is reachable.",
      idempotencyKey: "k",
      cause,
    });
  });

  it.each<[string, Partial<Grant>, string, boolean]>([
    ["id", { id: "." }, "its id cannot be addressed", false],
    ["id", { id: "a\u0000b" }, "its id cannot be addressed", false],
    ["id", { id: "a\ud800" }, "its id cannot be addressed", false],
    ["id", { id: 5 as unknown as string }, "its id cannot be addressed", false],
    ["decision", { decision: "DENY" as "ALLOW" }, "its decision is no ALLOW", true],
    ["unit", { reserved: credits(1) }, "it is in CREDITS, not in USD_MICROCENTS", true],
    ["unit", { reserved: {} as Grant["reserved"] }, "it is in no unit, not in USD_MICROCENTS", true],
    ["reserved", { reserved: { unit: "USD_MICROCENTS", amount: -1n } }, "it reserves no amount", true],
    [
      "reserved",
      { reserved: { unit: "USD_MICROCENTS", amount: 1 as unknown as bigint } },
      "it reserves no amount",
      true,
    ],
    ["caps", { caps: {} as Grant["caps"] }, "its caps are no list", true],
    ["caps", { caps: [...maxTokens, { name: 5 } as unknown as Cap] }, "a cap of it has no name", true],
  ])("a grant whose %s is wrong", async (_member, grant, flaw, isGivenBack) => {
    const authority = fakeAuthority({ reserve: [() => grant] });
    const prepare = vi.spyOn(authority, "prepare");
    const text = `The fake authority granted what cannot be used: ${flaw}. The call did not start.`;
    await expect(openReservation(authority, request, { idempotencyKey: "k" })).rejects.toMatchObject({
      name: "AuthorityUnreachableError",
      message: text,
      idempotencyKey: "k",
    });
    await authority.clock.advance(0);
    const released = [[expect.anything(), { kind: "release", reason: { code: "malformed", text } }, expect.anything()]];
    expect(prepare.mock.calls).toEqual(isGivenBack ? released : []);
    // No decision was made.
    expect(authority.named("decision")).toEqual([]);
  });

  it("a grant that reserves nothing, or allows with caps, is one", async () => {
    const authority = fakeAuthority({ reserve: [() => ({ reserved: cents(0), decision: "ALLOW_WITH_CAPS" })] });
    await expect(openReservation(authority, request)).resolves.toMatchObject({ reserved: cents(0) });
  });

  it("caps that are not honoured: which, and the authority's own ids for its operator", async () => {
    const caps = [...maxTokens, { name: "max_steps", value: 1 }, { name: "tools", value: [] }];
    const ids = { requestId: "req-1", traceId: "trace-1" };
    const authority = fakeAuthority({ caps, reserve: [() => ids] });
    const prepare = vi.spyOn(authority, "prepare");
    await expect(openReservation(authority, request, { honours: ["max_tokens"] })).rejects.toMatchObject({
      name: "DeniedError",
      message:
        "The authority allows this only under caps that the call does not honour: max_steps, tools. " +
        "Apply them and name them in options.honours.",
      decision: "ALLOW_WITH_CAPS",
      reasonCode: "CAPS_NOT_HONOURED",
      caps,
      ...ids,
    });
    await authority.clock.advance(0);
    expect(prepare.mock.calls[0]?.[1]).toEqual({
      kind: "release",
      reason: { code: "caps", text: "caps not honoured" },
    });
  });

  it("an abort, with the signal's reason, and a release that says why", async () => {
    const { promise, resolve } = createDeferred<object>();
    const authority = fakeAuthority({ reserve: [() => promise] });
    const prepare = vi.spyOn(authority, "prepare");
    const controller = new AbortController();
    const opening = openReservation(authority, request, { signal: controller.signal, traceparent: "t" });
    controller.abort(new Error("user left"));
    await expect(opening).rejects.toMatchObject({
      message: "The reservation was aborted by the caller's signal.",
      cause: new Error("user left"),
    });
    resolve({});
    await authority.clock.advance(0);
    expect(prepare.mock.calls[0]?.[1]).toEqual({
      kind: "release",
      reason: { code: "aborted", text: "the caller aborted" },
    });
    expect(authority.settled[0]?.traceparent).toBe("t");
  });

  it("an abort before anything was asked, or while a bypass is recorded", async () => {
    const message = "The reservation was aborted by the caller's signal.";
    const aborted = AbortSignal.abort();
    await expect(openReservation(fakeAuthority(), request, { signal: aborted })).rejects.toThrow(message);
    const controller = new AbortController();
    const authority = fakeAuthority({ reserve: [throwing(new ConnectionError("refused"))] });
    authority.environment?.observer?.on("bypass", () => controller.abort());
    const options = { failOpen: { reason: "test" }, signal: controller.signal };
    await expect(openReservation(authority, request, options)).rejects.toThrow(message);
  });

  it("an abort as the grant arrives gives it back too", async () => {
    const controller = new AbortController();
    const authority = fakeAuthority({ reserve: [() => (controller.abort(), {})] });
    await expect(openReservation(authority, request, { signal: controller.signal })).rejects.toThrow(AbortedError);
    await authority.clock.advance(0);
    expect(authority.calls).toEqual(["reserve", "release"]);
  });

  it("an abort while a refusal is under way is an abort, and releases nothing", async () => {
    const controller = new AbortController();
    const authority = fakeAuthority({
      reserve: [() => (controller.abort(), throwing(new DeniedError("no"))())],
    });
    await expect(openReservation(authority, request, { signal: controller.signal })).rejects.toThrow(AbortedError);
    await authority.clock.advance(0);
    expect(authority.calls).toEqual(["reserve"]);
  });

  it("a part of a parent that has no room, or has ended", async () => {
    const authority = fakeAuthority();
    const parent = await openReservation(authority, request);
    const within = { parent, nest: "within" } as const;
    const full = {
      name: "DeniedError",
      message: "The estimate does not fit into what is left of the parent reservation rsv_1.",
      reasonCode: "PARENT_EXHAUSTED",
    };
    await expect(openReservation(authority, { ...request, estimate: cents(3) }, within)).rejects.toMatchObject(full);
    await parent.release();
    await expect(openReservation(authority, { ...request, estimate: cents(0) }, within)).rejects.toMatchObject(full);
  });

  it("a part of a parent whose caps it does not honour: denied, and the parent may be released", async () => {
    const authority = fakeAuthority({ caps: maxTokens });
    const parent = await openReservation(authority, request, { honours: ["max_tokens"] });
    const opening = openReservation(authority, request, { parent, nest: "within" });
    await expect(opening).rejects.toMatchObject({ reasonCode: "CAPS_NOT_HONOURED", caps: maxTokens });
    await expect(parent.release()).resolves.toMatchObject({ status: "released" });
    expect(authority.calls).toEqual(["reserve", "release"]);
  });

  it("a part without a parent, or with one of another library", async () => {
    const text = 'nest: "within" needs a parent reservation of this library; pass options.parent.';
    const foreign = { id: "x", signal: new AbortController().signal } as Reservation;
    for (const parent of [undefined, foreign]) {
      const opening = openReservation(fakeAuthority(), request, { nest: "within", parent });
      await expect(opening).rejects.toMatchObject({ name: "ConfigurationError", message: text });
    }
  });
});

describe("an authority that has nothing but its operations", () => {
  const bare = (authority: FakeAuthority): FakeAuthority => ({ ...authority, environment: undefined });

  it("grants, settles and denies as any other", async () => {
    const authority = bare(fakeAuthority());
    const reservation = await openReservation(authority, request);
    await expect(reservation.commit(cents(1))).resolves.toMatchObject({ status: "committed" });
    const denied = new DeniedError("no");
    await expect(openReservation(bare(fakeAuthority({ reserve: [throwing(denied)] })), request)).rejects.toBe(denied);
    const refused = throwing(new ConnectionError("refused"));
    const options = { failOpen: { reason: "test" } };
    const bypass = await openReservation(bare(fakeAuthority({ reserve: [refused] })), request, options);
    await expect(bypass.commit(cents(1))).resolves.toMatchObject({ status: "bypassed" });
  });

  it("or grants nothing at all is no authority that can be used", async () => {
    const nothing = { ...fakeAuthority(), reserve: async () => null as unknown as Grant };
    await expect(openReservation(nothing, request)).rejects.toThrow("its id cannot be addressed");
  });

  it("or grants without a lease has none extended", async () => {
    const authority = fakeAuthority({ extend: [() => ({ ttlMs: 30_000 })] });
    await openReservation(authority, request);
    expect(authority.clock.timers).toBe(0);
  });
});

describe("a reservation within another's", () => {
  it("that stands in for one is allowed", async () => {
    const refused = throwing(new ConnectionError("refused"));
    const parent = await openReservation(fakeAuthority({ reserve: [refused] }), request, {
      failOpen: { reason: "test" },
    });
    const child = await openReservation(fakeAuthority(), request, { parent, nest: "within" });
    expect(child.decision).toBe("ALLOW");
  });

  it("has the id of its parent and its own key, the parent's caps and decision, and its own estimate", async () => {
    const authority = fakeAuthority({ caps: maxTokens });
    const honours = ["max_tokens"];
    const parent = await openReservation(authority, { ...request, estimate: cents(5) }, { honours });
    const child = await openReservation(authority, request, { parent, nest: "within", honours, idempotencyKey: "c" });
    expect(child).toMatchObject({
      id: "rsv_1/c",
      decision: "ALLOW_WITH_CAPS",
      caps: maxTokens,
      reserved: request.estimate,
      idempotencyKey: "c",
    });
  });
});

describe("what an observer gets of a decision", () => {
  const asked = { protocol: "fake", idempotencyKey: "k", estimate: request.estimate, action: request.action };
  async function decisions(answer: () => Partial<Grant>): Promise<SpendEvents["decision"][]> {
    const authority = { ...fakeAuthority({ reserve: [answer] }), speaksFor: { tenant: "acme", agent: "writer" } };
    const asking = { ...request, subject: { agent: "reader" } };
    await openReservation(authority, asking, { idempotencyKey: "k", honours: ["max_tokens"] }).catch(() => {});
    return authority.named("decision");
  }
  const subject = { tenant: "acme", agent: "reader" };

  it("an ALLOW has its reservation, its caps and its evidence, for whom the authority speaks", async () => {
    const evidence = { id: "ev-1" } as unknown as NonNullable<Grant["evidence"]>;
    const grant = { decision: "ALLOW_WITH_CAPS" as const, caps: maxTokens, evidence };
    expect(await decisions(() => grant)).toEqual([{ ...asked, subject, ...grant, reservationId: "rsv_1" }]);
  });

  it("a DENY has its reason", async () => {
    const denied = new DeniedError("no", { decision: "DENY", reasonCode: "BUDGET_EXCEEDED", caps: maxTokens });
    expect(await decisions(throwing(denied))).toEqual([
      { ...asked, subject, decision: "DENY", caps: maxTokens, reasonCode: "BUDGET_EXCEEDED" },
    ]);
  });

  it("a lost answer is a retry under the same key at once, and no decision", async () => {
    const lost = new TimeoutError("slow", 10);
    const authority = fakeAuthority({ reserve: [throwing(lost)] });
    await openReservation(authority, request, { idempotencyKey: "k" }).catch(() => {});
    expect(authority.named("retry")).toEqual([
      { protocol: "fake", operation: "reserve", idempotencyKey: "k", error: lost, delayMs: 0 },
    ]);
    expect(authority.named("decision")).toEqual([]);
  });
});

describe("which failures of a reserve are ambiguous, and which failOpen opens for", () => {
  const refused = (status?: number) => new ProtocolError("no", { protocol: "fake", status, errorCode: "X" });
  it.each<[string, Error, number, boolean]>([
    ["a 500", refused(500), 2, true],
    ["a 599", refused(599), 2, true],
    ["a 499", refused(499), 1, false],
    ["a 600", refused(600), 1, false],
    ["a refusal without a status", refused(), 1, false],
    ["a connection that broke", new ConnectionError("reset"), 2, true],
    ["an answer that is none", new ResponseFormatError("odd"), 2, false],
    ["a fault of the authority's code", new TypeError("x"), 1, false],
  ])("%s", async (_what, error, attempts, opens) => {
    const authority = fakeAuthority({ reserve: [throwing(error)] });
    const opening = openReservation(authority, request, { failOpen: { reason: "test" } });
    const outcome = await opening.then(
      ({ decision }) => decision,
      () => "rejected",
    );
    expect(outcome).toBe(opens ? "BYPASS" : "rejected");
    expect(authority.calls).toHaveLength(attempts);
  });
});

describe("what a release says of why", () => {
  const named = (name: string): Error => Object.assign(new Error("x"), { name });
  const released = async (body: (reservation: Reservation) => unknown, options: BodyOptions<unknown> = {}) => {
    const authority = fakeAuthority();
    const prepare = vi.spyOn(authority, "prepare");
    await withReservation(authority, request, body, options).catch(() => {});
    await authority.clock.advance(0);
    const intent = prepare.mock.calls[0]?.[1];
    return intent?.kind === "release" ? intent.reason : undefined;
  };

  it.each<[string, unknown, object]>([
    ["an AbortError", named("AbortError"), { code: "aborted", text: "the guarded call was aborted" }],
    ["an AbortedError", new AbortedError("x"), { code: "aborted", text: "the guarded call was aborted" }],
    ["a TimeoutError", named("TimeoutError"), { code: "timed_out", text: "the guarded call ran out of time" }],
    ["any other", named("Error"), { code: "failed", text: "the guarded call failed and nothing was spent" }],
    ["no error", "AbortError", { code: "failed", text: "the guarded call failed and nothing was spent" }],
  ])("a body that threw %s and spent nothing", async (_what, error, reason) => {
    expect(await released(throwing(error), { unspent: () => true })).toEqual(reason);
  });

  it("a body that returned and spent nothing, a caller, and a scope that ended", async () => {
    const unused = { code: "unused", text: "the guarded call said that nothing was spent" };
    expect(await released(({ unspent }) => unspent())).toEqual(unused);
    expect(await released(({ release }) => release())).toEqual({ code: "caller", text: "released by the caller" });
    const scope = async (reservation: Reservation): Promise<void> => {
      reservation.unspent();
      await reservation[Symbol.asyncDispose]();
    };
    expect(await released(scope)).toEqual({ code: "unused", text: "the scope ended" });
  });
});
