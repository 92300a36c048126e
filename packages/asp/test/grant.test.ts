import { DeniedError, ResponseFormatError, type Transport, amount } from "@imprest/core";
import { describe, expect, it } from "vitest";
import { AspAuthority, withReservation } from "../src/index.ts";

/** Reserves at an authority that answers `text`. @returns what came of it, and what was released. */
async function reserveAnswered(text: string) {
  const released: Record<string, unknown>[] = [];
  const transport: Transport = async ({ url, body = "" }) => {
    if (url.endsWith("/Release")) released.push(JSON.parse(body) as Record<string, unknown>);
    return { status: 200, headers: {}, body: url.endsWith("/Reserve") ? text : "{}" };
  };
  const authority = new AspAuthority({ baseUrl: "https://a.example", transport }, { budget: { budgetId: "b" } });
  let started = false;
  const request = { estimate: amount("request", 2), action: { kind: "k" } };
  const error: unknown = await withReservation(authority, request, () => (started = true), {
    spend: () => amount("request", 1),
  }).then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  return { error, released, started };
}

const ttlExpiresAt = "2999-01-01T00:00:00Z";

describe("a grant that cannot be used", () => {
  it.each([
    ["caps without a list", JSON.stringify({ decision: "ALLOW_WITH_CAPS", reservationId: "r1", ttlExpiresAt })],
    ["a TTL that is none", JSON.stringify({ decision: "ALLOW", reservationId: "r1", ttlExpiresAt: "tomorrow" })],
    ["the names of the .proto", JSON.stringify({ decision: "ALLOW", reservation_id: "r1", ttl_expires_at: 5 })],
  ])("is given back where it names its reservation, and the body never runs: %s", async (_what, text) => {
    const { error, released, started } = await reserveAnswered(text);
    expect((error as Error).cause).toSatisfy((cause) => ResponseFormatError.isInstance(cause));
    expect(started).toBe(false);
    expect(released).toMatchObject([{ reservationId: "r1", reasonCodes: ["grant_malformed"] }]);
  });

  it("is asked for again under the same key where its answer was cut off, and not given back in between", async () => {
    const whole = JSON.stringify({ decision: "ALLOW", reservationId: "r1", ttlExpiresAt });
    const keys = new Set<unknown>();
    const verbs: string[] = [];
    const transport: Transport = async ({ url, body = "" }) => {
      const verb = url.split("/").at(-1) ?? "";
      verbs.push(verb);
      if (verb === "Reserve") keys.add((JSON.parse(body) as { idempotencyKey: string }).idempotencyKey);
      return {
        status: 200,
        headers: {},
        body: verb === "Commit" ? "{}" : whole.slice(0, verbs.length === 1 ? 40 : 999),
      };
    };
    const authority = new AspAuthority({ baseUrl: "https://a.example", transport }, { budget: { budgetId: "b" } });
    const request = { estimate: amount("request", 2), action: { kind: "k" } };
    const { settlement } = await withReservation(authority, request, () => 1, { spend: () => amount("request", 1) });
    expect(settlement.status).toBe("committed");
    expect(verbs).toEqual(["Reserve", "Reserve", "Commit"]);
    expect(keys.size).toBe(1);
  });

  it("is given back, too, with a decision that nobody knows and a reservation", async () => {
    const { error, released, started } = await reserveAnswered('{"decision":"MAYBE","reservationId":"r1"}');
    expect(DeniedError.isInstance(error)).toBe(true);
    expect(started).toBe(false);
    expect(released).toMatchObject([{ reservationId: "r1" }]);
  });

  it("has nothing to give back without the id", async () => {
    for (const text of [JSON.stringify({ decision: "ALLOW", ttlExpiresAt }), "<html>", '{"decision":"DENY"}']) {
      expect((await reserveAnswered(text)).released).toEqual([]);
    }
  });
});
