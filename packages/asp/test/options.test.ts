import { inspect } from "node:util";
import { ConfigurationError, type HttpRequest, type Transport } from "@imprest/core";
import { describe, expect, it } from "vitest";
import { AspAuthority, AspClient } from "../src/index.ts";

const baseUrl = "https://authority.example";
const claim = { budgetId: "b", unit: "u", amountAtomic: 1n };

describe("AspClient options", () => {
  it.each<[string, object]>([
    ["a misspelt name", { timeout: 5 }],
    ["http to another machine", { baseUrl: "http://authority.example" }],
    ["a service path that is a path", { servicePath: "../x" }],
    ["a route of no method", { routes: { Steal: "/x" } }],
    ["a route that climbs", { routes: { Reserve: "/../x" } }],
    ["metadata that is none", { metadata: { grace_window_ms: -1 } }],
    ["a time that is none", { timeoutMs: 0 }],
    ["a key that no header takes", { apiKey: "a b" }],
  ])("refuses %s", (_name, options) => {
    expect(() => new AspClient({ baseUrl, ...options })).toThrow(ConfigurationError);
  });

  it("routes, service path, credential and deadline are on the wire", async () => {
    const seen: HttpRequest[] = [];
    const transport: Transport = async (request) => {
      seen.push(request);
      return { status: 200, headers: {}, body: "{}" };
    };
    const client = new AspClient({
      baseUrl: `${baseUrl}/mount/`,
      servicePath: "sg.v2.Spend",
      routes: { Commit: "/v1/commit" },
      apiKey: "key-1-of-eight",
      transport,
    });
    await client.reserve({ claim }, { timeoutMs: 1_500 });
    await client.commit({ reservationId: "r", amountAtomicObserved: 0n });
    expect(seen.map(({ url }) => url)).toEqual([`${baseUrl}/mount/sg.v2.Spend/Reserve`, `${baseUrl}/mount/v1/commit`]);
    expect(seen[0]?.headers).toMatchObject({
      authorization: "Bearer key-1-of-eight",
      "connect-protocol-version": "1",
      "connect-timeout-ms": "1500",
      "content-type": "application/json",
    });
    expect(JSON.stringify(client.connection.options)).not.toContain("key-1-of-eight");
  });

  it("a CREDIT never leaves, a refund only when asked for, a key is given once", async () => {
    const client = new AspClient({ baseUrl });
    await expect(client.reserve({ claim: { ...claim, direction: "CREDIT" } })).rejects.toThrow("only a DEBIT");
    await expect(client.refund({ reservationId: "r", amountAtomic: 1n })).rejects.toThrow("experimental");
    await expect(client.release({ reservationId: "r", idempotencyKey: "a" }, { idempotencyKey: "b" })).rejects.toThrow(
      "once",
    );
  });

  it("metadata comes from the configuration, else once from the well-known document, at the origin", async () => {
    const seen: string[] = [];
    const answer = { status: 200, headers: {}, body: '{"grace_window_ms":30000,"x_later":1}' };
    const transport: Transport = async ({ url }) => {
      seen.push(url);
      return answer;
    };
    const configured = new AspClient({ baseUrl, transport, metadata: { grace_window_ms: 5 } });
    expect(await configured.getMetadata()).toEqual({ grace_window_ms: 5 });
    const client = new AspClient({ baseUrl: `${baseUrl}/mount`, transport });
    expect(await client.getMetadata()).toEqual({ grace_window_ms: 30_000, x_later: 1 });
    await client.getMetadata();
    expect(seen).toEqual([`${baseUrl}/.well-known/asp-authority`]);
    const missing = new AspClient({ baseUrl, transport: async () => ({ ...answer, status: 404 }) });
    expect(await missing.getMetadata()).toBeUndefined();
    const broken = new AspClient({
      baseUrl,
      transport: async () => ({ ...answer, body: '{"grace_window_ms":"soon"}' }),
    });
    await expect(broken.getMetadata()).rejects.toThrow("grace_window_ms");
  });

  it("an answer that is none of the protocol's is no answer", async () => {
    for (const body of [
      "",
      "[]",
      '{"decision":{}}',
      '{"ttlExpiresAt":"soon"}',
      '{"reservationId":"a","reservation_id":"a"}',
    ]) {
      const client = new AspClient({ baseUrl, transport: async () => ({ status: 200, headers: {}, body }) });
      await expect(client.reserve({ claim })).rejects.toThrow("not what the protocol allows");
    }
  });

  it("an authority's own options are checked", () => {
    expect(() => new AspAuthority({ baseUrl }, { minimumTtlMs: 0 })).toThrow(ConfigurationError);
    expect(new AspAuthority({ baseUrl }, { principal: "p" }).target).toBe(`${baseUrl}#principal=p`);
  });

  it("a key that an authority repeats in an answer stays out of the denial's words", async () => {
    const apiKey = "s3cret/of=the+agent";
    const body = JSON.stringify({ decision: 2, decisionId: "d-1", reasonCodes: [`bad key ${apiKey}`] });
    const transport: Transport = async () => ({ status: 200, headers: {}, body: body.replaceAll("/", "\\/") });
    const client = new AspClient({ baseUrl, apiKey, transport });
    const claim = { budgetId: "team", unit: "usd", amountAtomic: 5n };
    const answer: unknown = await client.reserve({ claim, idempotencyKey: "k" }).catch((error: unknown) => error);
    expect(inspect(answer, { depth: 9 })).not.toContain(apiKey);
    expect(inspect(answer, { depth: 9 })).toContain("[redacted]");
  });
});
