import { AbortedError, type Grant, type ReserveRequest, adopt, openReservation } from "@imprest/core";
import { parseJson, stringifyJson } from "@imprest/core/internal";
import { fakeAuthority } from "@imprest/testing";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { cents, request } from "./fixtures.ts";

type Members = Record<string, unknown>;

async function exported(grant: Partial<Grant> = {}, asked: ReserveRequest = request): Promise<string> {
  const traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
  const reservation = await openReservation(fakeAuthority({ reserve: [() => grant] }), asked, {
    traceparent,
    honours: ["max_tokens"],
  });
  return reservation.export();
}

/** The text with the member at `pointer` replaced, or taken out where `value` is undefined. */
function damaged(text: string, pointer: string, value: unknown): string {
  if (pointer === "") return stringifyJson(value);
  const whole = parseJson(text) as Members;
  const path = pointer.slice(1).split("/");
  const last = path.pop() ?? "";
  let members = whole;
  for (const name of path) members = members[name] as Members;
  if (value === undefined) delete members[last];
  else members[last] = value;
  return stringifyJson(whole);
}

describe("an exported reservation", () => {
  const amount = fc.bigInt(0n, 2n ** 60n).map((value) => ({ unit: "USD_MICROCENTS", amount: value }));
  const text = fc.string({ minLength: 1, maxLength: 5, unit: "grapheme-ascii" });
  const grants = fc.record(
    {
      id: text.filter((id) => id !== "." && id !== ".."),
      reserved: amount,
      caps: fc.constantFrom([], [{ name: "max_tokens", value: 5n }]),
      decision: fc.constantFrom("ALLOW" as const, "ALLOW_WITH_CAPS" as const),
      wire: fc.dictionary(text, fc.oneof(text, fc.bigInt(0n, 9n))),
      lease: fc.record(
        { ttlMs: fc.integer({ min: 1 }), expiresAt: fc.integer({ min: 1 }) },
        { requiredKeys: ["ttlMs"] },
      ),
    },
    { requiredKeys: ["id", "reserved"] },
  );
  const subject = fc.option(fc.record({ tenant: text, agent: text }), { nil: undefined });

  it("law: what adopts it can export it again, byte for byte", async () => {
    await fc.assert(
      fc.asyncProperty(grants, amount, subject, async (grant, estimate, speaksFor) => {
        const asked = { ...request, estimate, ...(speaksFor && { subject: speaksFor }) };
        const first = await exported(grant, asked);
        const adopted = await adopt(fakeAuthority(), first);
        expect(adopted).toMatchObject({ id: grant.id, reserved: grant.reserved, subject: speaksFor });
        expect(adopted.export()).toBe(first);
      }),
      { numRuns: 60 },
    );
  });

  it("carries the caller's trace to the settlement, and the remaining time of its lease nowhere", async () => {
    const text = await exported({ lease: { ttlMs: 30_000, remainingMs: 30_000, expiresAt: 1_800_000_030_000 } });
    const there = fakeAuthority();
    const adopted = await adopt(there, text);
    expect(adopted.expiresAt).toBe(1_800_000_030_000);
    expect(adopted.export()).not.toContain("remainingMs");
    const settling = await adopt(there, text);
    await settling.commit(cents(1));
    expect(there.settled[0]?.traceparent).toBe("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01");
  });

  it("without a trace has no member for it", async () => {
    const reservation = await openReservation(fakeAuthority(), request);
    const text = reservation.export();
    expect(parseJson(text)).not.toHaveProperty("traceparent");
    const there = fakeAuthority();
    await (await adopt(there, text)).commit(cents(1));
    expect(there.settled[0]).not.toHaveProperty("traceparent", expect.anything());
  });

  it.each<[string, unknown, string]>([
    ["", [], "is no object"],
    ["", null, "is no object"],
    ["", "text", "is no object"],
    ["/version", 2, "is not 1; export it with this version of the library"],
    ["/protocol", "", "is no text"],
    ["/target", undefined, "is no text"],
    ["/idempotencyKey", 7, "is no text"],
    ["/grant", 5, "is no object"],
    ["/grant/id", "..", "cannot be addressed"],
    ["/grant/decision", "DENY", "is no grant"],
    ["/grant/decision", undefined, "is no grant"],
    ["/grant/caps", {}, "is not a list"],
    ["/grant/reserved", { unit: "USD_MICROCENTS", amount: 5 }, "is no amount"],
    ["/grant/request", null, "is no object"],
    ["/grant/request/action", [], "is no object"],
    ["/grant/request/action/kind", "", "is no text"],
    ["/grant/request/estimate", undefined, "is no amount"],
    ["/grant/lease", 5, "is no object"],
    ["/grant/lease", { ttlMs: "30000" }, "is no number of milliseconds"],
    ["/grant/lease", { ttlMs: 0 }, "is no number of milliseconds"],
  ])("is refused where %s is %j", async (pointer, value, message) => {
    const text = damaged(await exported(), pointer, value);
    const named = pointer === "/grant/lease" && value !== 5 ? "/grant/lease/ttlMs" : pointer;
    await expect(adopt(fakeAuthority(), text)).rejects.toMatchObject({
      name: "ValidationError",
      message: `exported reservation: ${named === "" ? "" : `${named}: `}${message}`,
      issues: [{ pointer: named, message }],
    });
  });

  it("is refused where the text is no JSON, with the reason as the cause", async () => {
    await expect(adopt(fakeAuthority(), "{")).rejects.toMatchObject({
      message: "exported reservation: is no JSON",
      issues: [{ pointer: "", message: "is no JSON" }],
      cause: expect.any(Error),
    });
  });

  it.each<[string, unknown]>([
    ["/traceparent", 7],
    ["/grant/caps", undefined],
    ["/grant/lease", { ttlMs: 30_000, expiresAt: "tomorrow" }],
  ])("is adopted where %s is %j: it is no money", async (pointer, value) => {
    const there = fakeAuthority();
    const adopted = await adopt(there, damaged(await exported(), pointer, value));
    expect(adopted.caps).toEqual([]);
    expect(adopted.expiresAt).toBeUndefined();
    await adopted.commit(cents(1));
    expect(there.calls).toEqual(["commit"]);
    if (pointer === "/traceparent") expect(there.settled[0]?.traceparent).toBeUndefined();
  });
});

describe("adopt", () => {
  it.each<[string, Partial<ReturnType<typeof fakeAuthority>>, string]>([
    ["protocol", { protocol: "other" }, "other fake:test"],
    ["server or principal", { target: "elsewhere" }, "fake elsewhere"],
  ])("refuses what another %s granted, and says which", async (_what, difference, name) => {
    await expect(adopt({ ...fakeAuthority(), ...difference }, await exported())).rejects.toMatchObject({
      name: "ConfigurationError",
      message:
        `The reservation was granted by fake fake:test, and this authority is ${name}. ` +
        "Adopt it with an authority of the same server and principal.",
    });
  });

  it("rejects when its signal has aborted, and extends nothing", async () => {
    const text = await exported({ lease: { ttlMs: 30_000 } });
    const there = fakeAuthority({ extend: [() => ({ ttlMs: 30_000 })] });
    const adopting = adopt(there, text, { signal: AbortSignal.abort() });
    await expect(adopting).rejects.toThrow(AbortedError);
    await expect(adopting).rejects.toThrow("The adoption");
    expect(there.clock.timers).toBe(0);
  });

  it("extends nothing where there is no lease", async () => {
    const there = fakeAuthority({ extend: [() => ({ ttlMs: 30_000 })] });
    await adopt(there, await exported());
    await there.clock.advance(60_000);
    expect(there.calls).toEqual([]);
    expect(there.clock.timers).toBe(0);
  });

  it("extends the lease before anything else, however long it was", async () => {
    const there = fakeAuthority({ extend: [() => ({ ttlMs: 600_000, remainingMs: 600_000 })] });
    const adopted = await adopt(there, await exported({ lease: { ttlMs: 600_000 } }));
    await there.clock.advance(0);
    expect(there.calls).toEqual(["extend"]);
    await adopted.commit(cents(1));
  });
});
