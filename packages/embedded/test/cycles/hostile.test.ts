import { tokens } from "@imprest/core";
import { beforeEach, describe, expect, it } from "vitest";
import { type EmbeddedAuthority, createEmbeddedAuthority } from "../../src/index.ts";
import { FakeClock, WireCaller } from "../support.ts";

const good = {
  idempotency_key: "k",
  subject: { tenant: "acme" },
  action: { kind: "llm.completion", name: "gpt-5" },
  estimate: { unit: "TOKENS", amount: 1 },
};
let authority: EmbeddedAuthority;
let acme: WireCaller;

beforeEach(async () => {
  authority = createEmbeddedAuthority({ clock: new FakeClock(), maxBodyBytes: 10_000 });
  await authority.budgets.create({ scope: { tenant: "acme" }, allocated: tokens(100) });
  acme = new WireCaller(authority, (await authority.apiKeys.create({ tenant: "acme" })).key);
});

async function expectRefused(body: BodyInit | undefined, headers: Record<string, string> = {}): Promise<void> {
  const answer = await acme.send("POST", "/v1/reservations", body, headers);
  expect({ status: answer.status, error: answer.body["error"] }).toEqual({ status: 400, error: "INVALID_REQUEST" });
  expect(answer.body["request_id"]).toMatch(/^req_/);
  expect(JSON.stringify(answer.body)).not.toMatch(/SyntaxError|RangeError|\.ts:|\\n\s+at /);
  const { reserved, spent } = await authority.budgets.get({ scope: { tenant: "acme" }, unit: "TOKENS" });
  expect([reserved, spent]).toEqual([0n, 0n]);
}

const withBody = (more: object): string => JSON.stringify({ ...good, ...more });
const nested = (depth: number): string => `${"[".repeat(depth)}${"]".repeat(depth)}`;

describe("a body", () => {
  it("in an encoding that nobody undoes is refused", () =>
    expectRefused(JSON.stringify(good), { "content-encoding": "gzip" }));

  it("may hold colons and quotes in its texts", async () => {
    const action = { kind: 'a:"b":\\\\', name: '\\"::{"a":1,"a":2}' };
    const answer = await acme.send("POST", "/v1/reservations", JSON.stringify({ ...good, action }));
    expect(answer.status).toBe(200);
  });
});

describe("bad input is the spec's 400 and changes nothing", () => {
  it.each<[string, BodyInit | undefined]>([
    ["no body", undefined],
    ["an empty body", ""],
    ["text that is no JSON", "{"],
    ["JSON with a comment", "{/**/}"],
    ["an array", "[]"],
    ["null", "null"],
    ["a number", "1"],
    ["bytes that are no UTF-8", new Uint8Array([0x7b, 0xff, 0xfe, 0x7d])],
    ["an overlong UTF-8 encoding", new Uint8Array([0x22, 0xc0, 0xaf, 0x22])],
    ["a body beyond the limit", JSON.stringify({ ...good, metadata: { filler: "x".repeat(10_000) } })],
    ["metadata nested too deep", `${withBody({}).slice(0, -1)},"metadata":{"deep":${nested(100)}}}`],
    ["metadata nested beyond a parser's stack", `${withBody({}).slice(0, -1)},"metadata":{"deep":${nested(4_500)}}}`],
    ["a deep nest with an integer beyond 2^53", `{"a":12345678901234567890,"deep":${nested(4_500)}}`],
    ["a member twice", `${withBody({}).slice(0, -1)},"estimate":{"unit":"TOKENS","amount":2}}`],
    ["a member of a member twice", withBody({}).replace('"amount":1', '"amount":1,"amount":2')],
    ["an unknown member", withBody({ overage_polcy: "REJECT" })],
    ["a missing member", withBody({ action: undefined })],
    ["a prototype member", `${withBody({}).slice(0, -1)},"__proto__":{"idempotency_key":"x"}}`],
    ["an empty key", withBody({ idempotency_key: "" })],
    ["a key of 257 characters", withBody({ idempotency_key: "k".repeat(257) })],
    ["a subject with only dimensions", withBody({ subject: { dimensions: { team: "a" } } })],
    ["a subject that holds a delimiter", withBody({ subject: { tenant: "acme", app: "a/agent:b" } })],
    ["a subject that is not text", withBody({ subject: { tenant: 1 } })],
    ["an unknown unit", withBody({ estimate: { unit: "EUR", amount: 1 } })],
    ["a fraction", withBody({ estimate: { unit: "TOKENS", amount: 0.5 } })],
    ["an amount in text", withBody({ estimate: { unit: "TOKENS", amount: "1" } })],
    [
      "an amount beyond int64",
      `${withBody({ estimate: undefined }).slice(0, -1)},"estimate":{"unit":"TOKENS","amount":9223372036854775808}}`,
    ],
    [
      "an amount with an exponent beyond 2^53",
      `${withBody({ estimate: undefined }).slice(0, -1)},"estimate":{"unit":"TOKENS","amount":1e18}}`,
    ],
    ["a ttl below a second", withBody({ ttl_ms: 999 })],
    ["a fractional ttl", withBody({ ttl_ms: 1_000.5 })],
    ["a grace beyond a minute", withBody({ grace_period_ms: 60_001 })],
    ["an unknown overage policy", withBody({ overage_policy: "ALLOW" })],
    ["eleven tags", withBody({ action: { ...good.action, tags: Array(11).fill("t") } })],
  ])("%s", async (_what, body) => {
    await expectRefused(body);
  });

  it("another content type, and no content type is taken for JSON", async () => {
    await expectRefused(withBody({}), { "Content-Type": "text/plain" });
    await expectRefused(withBody({}), { "Content-Type": "application/x-www-form-urlencoded" });
    const charset = { "Content-Type": "application/json; charset=utf-8" };
    expect((await acme.send("POST", "/v1/reservations", withBody({}), charset)).status).toBe(200);
  });

  it("an idempotency header that is not the body's key", async () => {
    await expectRefused(withBody({}), { "X-Idempotency-Key": "other" });
    await expectRefused(withBody({}), { "X-Idempotency-Key": "k, k" });
    const same = await acme.send("POST", "/v1/reservations", withBody({}), { "X-Idempotency-Key": "k" });
    expect(same.status).toBe(200);
  });

  it("paths and methods that are no operation", async () => {
    expect((await acme.get("/v1/reservations/%zz")).status).toBe(400);
    expect((await acme.get(`/v1/reservations/${"x".repeat(129)}`)).status).toBe(400);
    expect((await acme.get("/v1/reservations/a%2F..%2Fb")).status).toBe(404);
    for (const path of ["/", "/v1", "/v1/constructor", "/v1/reservations/x/toString", "/v1/reservations/"]) {
      expect((await acme.get(path)).status).toBe(404);
    }
    const deleted = await acme.send("DELETE", "/v1/reservations", undefined);
    expect([deleted.status, deleted.headers.get("allow")]).toEqual([405, "POST, GET"]);
    expect((await acme.send("HEAD", "/v1/balances", undefined)).status).toBe(405);
  });

  it("no key holder learns whether a body would have been good before it is known who asks", async () => {
    const nobody = new WireCaller(authority, "imp_guess_guess_guess");
    for (const body of ["{", withBody({})]) {
      expect((await nobody.send("POST", "/v1/reservations", body)).status).toBe(401);
    }
  });
});

describe("correlation (Cycles §CORRELATION AND TRACING)", () => {
  const trace = "4bf92f3577b34da6a3ce929d0e0e4736";
  const other = "aaaabbbbccccddddaaaabbbbccccdddd";

  it.each([
    ["traceparent wins", { traceparent: `00-${trace}-00f067aa0ba902b7-01`, "X-Cycles-Trace-Id": other }, trace],
    [
      "a malformed traceparent counts as absent",
      { traceparent: `00-${trace}-0-01`, "X-Cycles-Trace-Id": other },
      other,
    ],
    ["an all-zero trace id is none", { traceparent: `00-${"0".repeat(32)}-00f067aa0ba902b7-01` }, undefined],
    ["upper case is malformed", { "X-Cycles-Trace-Id": trace.toUpperCase() }, undefined],
    ["an all-zero header is none", { "X-Cycles-Trace-Id": "0".repeat(32) }, undefined],
    ["without either a trace begins", {}, undefined],
  ])("%s", async (_rule, headers, expected) => {
    const answers = [await acme.get("/v1/balances?tenant=acme", headers), await acme.get("/v1/nothing", headers)];
    for (const answer of answers) {
      const traceId = answer.headers.get("x-cycles-trace-id");
      expect(traceId).toMatch(/^(?!0{32})[0-9a-f]{32}$/);
      if (expected !== undefined) expect(traceId).toBe(expected);
      else expect([trace, other]).not.toContain(traceId);
    }
    expect(answers[0]?.headers.get("x-cycles-tenant")).toBe("acme");
    expect(answers[0]?.headers.get("x-request-id")).not.toBe(answers[1]?.headers.get("x-request-id"));
  });
});
