import { ConfigurationError, tokens } from "@imprest/core";
import { type Jwk, createKeySet } from "@imprest/core/audit";
import type { CyclesEvidenceRef } from "@imprest/core/models/cycles";
import { evidenceKeyWindow } from "@imprest/cycles/evidence";
import { beforeEach, describe, expect, it } from "vitest";
import { createEmbeddedAuthority } from "../../src/index.ts";
import { serve } from "../../src/node/index.ts";
import { MapStore } from "../support.ts";
import { SigningWorld, referenceOf, serverId } from "./support.ts";

let world: SigningWorld;
const jwksPath = "/v1/.well-known/cycles-jwks.json";

/** As anyone may ask, without a key. */
function ask(path: string, method = "GET"): Promise<Response> {
  return world.authority.handler(new Request(`https://authority.test${path}`, { method }));
}

beforeEach(async () => {
  world = await new SigningWorld().open();
});

describe("Cycles §getEvidence", () => {
  it("serves the canonical envelope to anyone, to be cached for ever", async () => {
    const { evidence_id: id, cycles_evidence_url: url } = referenceOf(await world.reserve());
    expect(url).toBe(`${serverId}/evidence/${id}`);
    const answer = await ask(new URL(url).pathname);
    expect(answer.status).toBe(200);
    expect(answer.headers.get("content-type")).toBe("application/json");
    expect(answer.headers.get("cache-control")).toBe("public, max-age=31536000, immutable");
    expect(answer.headers.get("x-request-id")).toMatch(/^req_/);
    expect(answer.headers.get("x-cycles-trace-id")).toMatch(/^[0-9a-f]{32}$/);
    expect(answer.headers.has("x-cycles-tenant")).toBe(false);
    expect(await answer.text()).toMatch(/^\{"artifact_type":"reserve","evidence_id":"[0-9a-f]{64}","issued_at_ms":/);
  });

  it.each([
    [`/v1/evidence/${"0".repeat(64)}`, "GET", 404, "NOT_FOUND"],
    [`/v1/evidence/${"A".repeat(64)}`, "GET", 400, "INVALID_REQUEST"],
    ["/v1/evidence/", "GET", 400, "INVALID_REQUEST"],
    ["/v1/evidence/..%2f..%2fdecide", "GET", 400, "INVALID_REQUEST"],
    [`/v1/evidence/${"0".repeat(64)}`, "DELETE", 405, "INVALID_REQUEST"],
    [jwksPath, "POST", 405, "INVALID_REQUEST"],
  ])("%s by %s is %i, and not cached", async (path, method, status, error) => {
    const answer = await ask(path, method);
    expect(answer.status).toBe(status);
    expect(answer.headers.get("cache-control")).toBe("no-store");
    expect(answer.headers.get("allow")).toBe(status === 405 ? "GET" : null);
    expect(await answer.json()).toMatchObject({ error, request_id: answer.headers.get("x-request-id") });
  });

  it("throttles those who draw envelopes without a key among themselves, and keeps nobody from the keys", async () => {
    const limited = new SigningWorld({ rateLimit: { perSecond: 1, burst: 2 } });
    world = limited;
    await limited.open();
    const envelope = `/v1/evidence/${"0".repeat(64)}`;
    const statuses = await Promise.all([ask(envelope), ask(envelope), ask(envelope)]);
    for (let at = 0; at < 5; at += 1) expect((await ask(jwksPath)).status).toBe(200);
    expect(statuses.map(({ status }) => status)).toEqual([404, 404, 429]);
    expect(statuses[2]?.headers.get("retry-after")).toBe("1");
    expect((await limited.reserve()).status).toBe(200);
  });

  it("forgets the oldest beyond the cap, and what is too old; a replay is then attested anew", async () => {
    const store = new MapStore();
    const retention = { envelopes: 2, forMs: 60_000 };
    world = await new SigningWorld({ store, evidence: { serverId, retention } }).open();
    const references: CyclesEvidenceRef[] = [];
    for (const key of ["a", "b", "c"]) references.push(referenceOf(await world.reserve({ idempotency_key: key })));
    const statuses = (): Promise<number[]> =>
      Promise.all(references.map(async ({ cycles_evidence_url: url }) => (await ask(new URL(url).pathname)).status));
    expect(await statuses()).toEqual([404, 200, 200]);
    world.clock.advance(30_000);
    const again = referenceOf(await world.reserve({ idempotency_key: "a" }));
    expect(again).not.toEqual(references[0]);
    expect(await world.verify(again)).toMatchObject({ disposition: "authentic", findings: [] });
    world.clock.advance(60_000);
    references.push(again);
    expect(await statuses()).toEqual([404, 404, 404, 200]);
    await world.authority.close();
    expect([...store.disk.keys()].filter((key) => key.startsWith("evidence/"))).toEqual([
      `evidence/${again.evidence_id}`,
    ]);
  });
});

describe("Cycles §getEvidenceJwks", () => {
  it("serves the public keys to anyone, to be cached shortly, and never a private one", async () => {
    const answer = await ask(jwksPath);
    expect(answer.status).toBe(200);
    expect(answer.headers.get("cache-control")).toBe("public, max-age=60");
    const jwks = (await answer.json()) as { keys: Jwk[] };
    expect(jwks.keys).toEqual([
      {
        kty: "OKP",
        crv: "Ed25519",
        x: expect.stringMatching(/^[\w-]{43}$/) as string,
        kid: expect.stringMatching(/^[0-9a-f]{16}$/) as string,
        alg: "EdDSA",
        cycles_nbf_ms: world.clock.now(),
        cycles_exp_ms: null,
        status: "active",
      },
    ]);
    expect(evidenceKeyWindow(jwks.keys[0] ?? {})).toEqual({ notBeforeMs: world.clock.now(), notAfterMs: undefined });
    expect(() => createKeySet(jwks)).not.toThrow();
    expect(await world.evidence.listKeys()).toEqual(jwks.keys);
  });
});

describe("in whose name it signs", () => {
  it.each([
    "",
    "authority.test/v1",
    "ftp://a/v1",
    "https://a/v1/",
    "https://a/v1?x",
    "https://a/v1#x",
    "https://u@a/v1",
  ])("%o is no server id", (id) => {
    expect(() => createEmbeddedAuthority({ evidence: { serverId: id } })).toThrow(ConfigurationError);
  });

  it("a handler and an in-process authority need a serverId; serve sets the URL that it listens on", async () => {
    const authority = createEmbeddedAuthority({ evidence: {} });
    expect(() => authority.handler).toThrow("evidence.serverId");
    expect(() => authority.authority({ tenant: "acme" })).toThrow("evidence.serverId");
    await using server = await serve(authority, { port: 0 });
    expect(() => authority.authority({ tenant: "acme" })).not.toThrow();
    await authority.budgets.create({ scope: { tenant: "acme" }, allocated: tokens(10) });
    const granted = await authority
      .authority({ tenant: "acme" })
      .reserve({ estimate: tokens(1), action: { kind: "k" } }, { idempotencyKey: "k" });
    expect(granted.evidence?.url).toBe(`${server.url}/v1/evidence/${granted.evidence?.id}`);
    const fetched = await fetch(granted.evidence?.url ?? "");
    expect(fetched.headers.get("cache-control")).toContain("immutable");
    expect(await fetched.json()).toMatchObject({ server_id: `${server.url}/v1`, evidence_id: granted.evidence?.id });
    expect((await fetch(`${server.url}${jwksPath}`)).status).toBe(200);
  });

  it("a server on every address is none of them, and is not left running", async () => {
    const authority = createEmbeddedAuthority({ evidence: {} });
    await expect(serve(authority, { port: 0, host: "0.0.0.0", behindTls: true })).rejects.toThrow("evidence.serverId");
    await using server = await serve(createEmbeddedAuthority({ evidence: { serverId } }), {
      port: 0,
      host: "0.0.0.0",
      behindTls: true,
    });
    expect(server.port).toBeGreaterThan(0);
  });
});
