import { beforeAll, describe, expect, it } from "vitest";
import {
  AbortedError,
  ConfigurationError,
  type HttpRequest,
  type Transport,
  createFetchTransport,
} from "../../src/index.ts";
import { createDeferred, hex } from "../../src/internal.ts";
import {
  type Ed25519KeyPair,
  type KeyLookup,
  type RemoteKeySetOptions,
  createRemoteKeySet,
  generateKeyPair,
  publicKeyToJwk,
} from "../../src/audit/index.ts";
import { FakeClock } from "./fake-clock.ts";

const origin = "https://keys.example";
const url = `${origin}/.well-known/jwks.json`;

let one: Ed25519KeyPair;
let two: Ed25519KeyPair;
beforeAll(async () => {
  [one, two] = [await generateKeyPair(), await generateKeyPair()];
});

const codeOf = (lookup: KeyLookup): string => (lookup.status === "found" ? "found" : lookup.problem.code);

/** A server whose answer a test changes; every request is kept. */
function setUp(options: Partial<RemoteKeySetOptions> = {}) {
  const requests: HttpRequest[] = [];
  const clock = new FakeClock();
  const server = {
    keys: [publicKeyToJwk(one.publicKey, "a")] as object[],
    respond: undefined as Transport | undefined,
  };
  const transport: Transport = async (request, limits) => {
    requests.push(request);
    if (server.respond !== undefined) return server.respond(request, limits);
    return { status: 200, headers: {}, body: JSON.stringify({ keys: server.keys }) };
  };
  const keys = createRemoteKeySet({ trustedOrigins: [origin], transport, clock, ...options });
  return { keys, clock, requests, server };
}

const answer =
  (body: string, status = 200): Transport =>
  () =>
    Promise.resolve({ status, headers: {}, body });

describe("createRemoteKeySet", () => {
  it("fetches a set once and answers from memory, without credentials", async () => {
    const { keys, requests } = setUp();
    expect(await keys.find(url, { kid: "a" })).toMatchObject({ status: "found", key: { retained: false } });
    expect(await keys.find(url, { publicKey: one.publicKey })).toMatchObject({ status: "found" });
    expect(requests).toHaveLength(1);
    expect(requests[0]).toMatchObject({ method: "GET", url });
    expect(Object.keys(requests[0]?.headers ?? {})).toEqual(["accept"]);
  });

  it.each([
    ["another origin", "https://evil.example/.well-known/jwks.json"],
    ["a subdomain", "https://a.keys.example/x"],
    ["another port", "https://keys.example:8443/x"],
    ["a trailing dot", "https://keys.example./x"],
    ["a prefix", "https://keys.example.evil.example/x"],
  ])("fetches nothing from %s", async (_name, other) => {
    const { keys, requests } = setUp();
    expect(codeOf(await keys.find(other, { kid: "a" }))).toBe("origin_not_trusted");
    expect(requests).toEqual([]);
  });

  it.each([
    "https://user:pw@keys.example/x",
    "https://@keys.example/x",
    "https://keys.example\\@evil.example/x",
    "https:\\\\keys.example/x",
    "https://keys.example/x#fragment",
    "https://keys.example/x?query",
    "https://keys.example/tenant-a/../tenant-b/jwks.json",
    "https://keys.example/tenant-a/%2e%2e/tenant-b/jwks.json",
    "https://keys.ex\tample/x",
    " https://keys.example/x",
    "https:/keys.example/x",
    "//keys.example/x",
  ])("fetches nothing for %j, which readers understand differently", async (text) => {
    const { keys, requests } = setUp({ trustedOrigins: [origin, "https://evil.example"] });
    expect(codeOf(await keys.find(text, { kid: "a" }))).toBe("origin_not_trusted");
    expect(requests).toEqual([]);
  });

  it.each(["http://keys.example/x", "sidecar://region/wl", "urn:x", "data:application/json,{}", "file:///etc/jwks"])(
    "fetches nothing for %s, which is not https",
    async (text) => {
      const { keys, requests } = setUp();
      expect(codeOf(await keys.find(text, { kid: "a" }))).toBe("origin_not_trusted");
      expect(requests).toEqual([]);
    },
  );

  it.each([
    "https://0x7f.1/x",
    "https://2130706433/x",
    "https://[::1]/x",
    "https://169.254.169.254/x",
    "https://localhost/x",
  ])("fetches nothing from %s", async (text) => {
    const { keys, requests } = setUp();
    expect(codeOf(await keys.find(text, { kid: "a" }))).toBe("origin_not_trusted");
    expect(requests).toEqual([]);
  });

  it("takes only bare https origins as trusted, and plain http on this machine only where that is allowed", async () => {
    for (const text of [
      "http://keys.example",
      "keys.example",
      "https://a@keys.example",
      "https://keys.example/path",
      "null",
      "",
    ]) {
      expect(() => createRemoteKeySet({ trustedOrigins: [text] })).toThrow(ConfigurationError);
      expect(() => createRemoteKeySet({ trustedOrigins: [text], allowLoopbackHttp: true })).toThrow(ConfigurationError);
    }
    expect(() => createRemoteKeySet({ trustedOrigins: ["http://127.0.0.1:8080"] })).toThrow(ConfigurationError);
    const { keys } = setUp({ trustedOrigins: ["http://127.0.0.1:8080"], allowLoopbackHttp: true });
    expect(codeOf(await keys.find("http://127.0.0.1:8080/jwks", { kid: "a" }))).toBe("found");
  });

  it("a redirect is an error, wherever it leads", async () => {
    const followed: string[] = [];
    const fetchLike: typeof fetch = async (input, init) => {
      followed.push(new Request(input).url);
      expect(init).toMatchObject({ redirect: "manual", credentials: "omit" });
      return new Response(null, { status: 302, headers: { location: `${origin}/other` } });
    };
    const { keys } = setUp({ transport: createFetchTransport(fetchLike) });
    expect((await keys.find(url, { kid: "a" })).status).toBe("unresolved");
    expect(followed).toEqual([url]);
  });

  it("size, time and count of keys are capped", async () => {
    const large = setUp({ maxBytes: 100 });
    large.server.respond = answer(JSON.stringify({ keys: [{ padding: "x".repeat(100) }] }));
    expect(codeOf(await large.keys.find(url, { kid: "a" }))).toBe("jwks_malformed");

    const limits: number[] = [];
    const capped = setUp({ maxBytes: 100 });
    capped.server.respond = (_request, { maxResponseBytes }) => {
      limits.push(maxResponseBytes);
      return Promise.reject(new Error("too large"));
    };
    expect(codeOf(await capped.keys.find(url, { kid: "a" }))).toBe("jwks_unreachable");
    expect(limits).toEqual([100]);

    const slow = setUp({ timeoutMs: 50 });
    slow.server.respond = () => new Promise(() => {});
    const waiting = slow.keys.find(url, { kid: "a" });
    await slow.clock.advance(50);
    expect(codeOf(await waiting)).toBe("jwks_unreachable");

    const many = setUp({ maxKeys: 1 });
    many.server.keys = [publicKeyToJwk(one.publicKey, "a"), publicKeyToJwk(two.publicKey, "b")];
    expect(codeOf(await many.keys.find(url, { kid: "a" }))).toBe("jwks_malformed");
  });

  it.each([
    ["an error page", answer("<html>", 200), "jwks_malformed"],
    ["another status", answer("{}", 404), "jwks_http_status"],
    ["an empty answer", answer("", 204), "jwks_http_status"],
    ["a member named twice", answer('{"keys":[],"keys":[]}'), "jwks_malformed"],
    ["another shape", answer('{"keys":{}}'), "jwks_malformed"],
    ["a broken connection", () => Promise.reject(new Error("reset")), "jwks_unreachable"],
  ])("answers unresolved for %s, and never throws", async (_name, respond, code) => {
    const { keys, server } = setUp();
    server.respond = respond;
    const lookup = await keys.find(url, { kid: "a" });
    expect([lookup.status, codeOf(lookup)]).toEqual(["unresolved", code]);
  });

  it("a flood of unknown kids causes one refresh per cool-down", async () => {
    const { keys, requests, clock } = setUp();
    const flood = (prefix: string) =>
      Promise.all(Array.from({ length: 200 }, (_, at) => keys.find(url, { kid: `${prefix}${at}` })));
    expect(new Set((await flood("x")).map(codeOf))).toEqual(new Set(["unknown_key"]));
    expect(requests).toHaveLength(1);
    await clock.advance(29_999);
    await flood("y");
    expect(requests).toHaveLength(1);
    await clock.advance(1);
    await flood("z");
    expect(requests).toHaveLength(2);
  });

  it("a failure is remembered for the cool-down, then asked again", async () => {
    const { keys, requests, server, clock } = setUp();
    server.respond = answer("", 503);
    for (let attempt = 0; attempt < 5; attempt++)
      expect(codeOf(await keys.find(url, { kid: "a" }))).toBe("jwks_http_status");
    expect(requests).toHaveLength(1);
    server.respond = undefined;
    await clock.advance(30_000);
    expect(codeOf(await keys.find(url, { kid: "a" }))).toBe("found");
  });

  it("paths chosen by an attacker on a trusted origin are bounded", async () => {
    const { keys, requests, clock, server } = setUp({ maxSetsPerOrigin: 4 });
    server.respond = answer("", 404);
    for (let at = 0; at < 50; at++) await keys.find(`${origin}/${at}/jwks.json`, { kid: "a" });
    expect(requests).toHaveLength(4);
    expect(codeOf(await keys.find(url, { kid: "a" }))).toBe("too_many_key_sets");
    server.respond = undefined;
    await clock.advance(30_000);
    expect(codeOf(await keys.find(url, { kid: "a" }))).toBe("found");
  });

  describe("while forged statements arrive every 29 seconds", () => {
    const everyMs = 29_000;
    const rotate = (server: ReturnType<typeof setUp>["server"]) => {
      server.keys = [...server.keys, publicKeyToJwk(two.publicKey, "b")];
    };

    it.each([
      ["a new path of the same origin each time", (at: number) => [`${origin}/forged/${at}`, "x"]],
      ["one other path of the same origin", () => [`${origin}/forged`, "x"]],
      ["an unknown key of the signer's own set", (at: number) => [url, `x${at}`]],
      ["the valid set of another signer, with an unknown key", (at: number) => [`${origin}/neighbour`, `x${at}`]],
    ] as const)("finds a rotated key within one cool-down: %s", async (_name, forge) => {
      const { keys, server, clock, requests } = setUp();
      server.respond = async (request) => {
        if (request.url.includes("/forged")) return { status: 404, headers: {}, body: "" };
        return { status: 200, headers: {}, body: JSON.stringify({ keys: server.keys }) };
      };
      expect(codeOf(await keys.find(url, { kid: "a" }))).toBe("found");
      // Eight hours of forged statements before the rotation.
      const rounds = Math.ceil((8 * 3_600_000) / everyMs);
      const forged = async (at: number): Promise<void> => {
        const [jwksUrl = "", kid = ""] = forge(at);
        expect(codeOf(await keys.find(jwksUrl, { kid }))).not.toBe("found");
        await clock.advance(everyMs);
      };
      for (let at = 0; at < rounds; at += 1) await forged(at);
      rotate(server);
      await forged(rounds);
      const [jwksUrl = "", kid = ""] = forge(rounds + 1);
      await keys.find(jwksUrl, { kid });
      // 30 s after the rotation, which is the cool-down, and one second after the last forged statement.
      await clock.advance(1_000);
      expect(codeOf(await keys.find(url, { kid: "b" }))).toBe("found");
      const hours = clock.monotonic() / 3_600_000;
      expect(requests.length).toBeLessThanOrEqual(16 * 120 * hours);
    });

    it("refreshes an old set on time, and keeps a set that was once good however many paths are forged", async () => {
      const { keys, server, clock, requests } = setUp({ maxSetsPerOrigin: 4 });
      server.respond = async (request) =>
        request.url === url
          ? { status: 200, headers: {}, body: JSON.stringify({ keys: server.keys }) }
          : { status: 404, headers: {}, body: "" };
      expect(codeOf(await keys.find(url, { kid: "a" }))).toBe("found");
      server.keys = [publicKeyToJwk(two.publicKey, "b")];
      for (let at = 0; at < 100; at += 1) {
        for (let path = 0; path < 20; path += 1) await keys.find(`${origin}/forged/${at}/${path}`, { kid: "a" });
        await clock.advance(everyMs);
        // What was retained of the earlier set would be gone if the set had lost its place.
        expect(await keys.find(url, { kid: "a" })).toMatchObject({ status: "found" });
      }
      expect(await keys.find(url, { kid: "a" })).toMatchObject({ status: "found", key: { retained: true } });
      // 100 rounds of 29 s are 4.8 refreshes of ten minutes, after the first fetch.
      expect(requests.filter((request) => request.url === url)).toHaveLength(5);
      // Three places for what is forged, each fetched at most once in 30 s.
      expect(requests.length).toBeLessThanOrEqual(5 + 3 * Math.ceil((100 * everyMs) / 30_000));
    });

    it("keeps a place for the sets that an operator has bundled", async () => {
      const bundle = { [url]: { keys: [publicKeyToJwk(one.publicKey, "a")] } };
      const { keys, server, requests } = setUp({ bundle, maxSetsPerOrigin: 4 });
      server.respond = answer("", 404);
      for (let path = 0; path < 20; path += 1) await keys.find(`${origin}/forged/${path}`, { kid: "a" });
      expect(requests).toHaveLength(4);
      server.respond = undefined;
      rotate(server);
      expect(codeOf(await keys.find(url, { kid: "b" }))).toBe("found");
    });
  });

  it("finds a key published after the set was fetched", async () => {
    const { keys, server, clock, requests } = setUp();
    expect(codeOf(await keys.find(url, { kid: "a" }))).toBe("found");
    server.keys = [...server.keys, publicKeyToJwk(two.publicKey, "b")];
    await clock.advance(30_000);
    expect(codeOf(await keys.find(url, { kid: "b" }))).toBe("found");
    expect(requests).toHaveLength(2);
  });

  it("keeps a key that disappears from the set, and says so", async () => {
    const { keys, server, clock } = setUp();
    await keys.find(url, { kid: "a" });
    server.keys = [publicKeyToJwk(two.publicKey, "b")];
    await clock.advance(600_000);
    expect(await keys.find(url, { kid: "b" })).toMatchObject({ status: "found", key: { retained: false } });
    expect(await keys.find(url, { kid: "a" })).toMatchObject({ status: "found", key: { retained: true } });
  });

  it("believes the new set about a kid that now names another key", async () => {
    const { keys, server, clock } = setUp();
    await keys.find(url, { kid: "a" });
    server.keys = [publicKeyToJwk(two.publicKey, "a")];
    await clock.advance(600_000);
    expect(await keys.find(url, { kid: "a" })).toMatchObject({ status: "found", key: { publicKey: two.publicKey } });
    expect(codeOf(await keys.find(url, { publicKey: one.publicKey }))).toBe("unknown_key");
  });

  it("keeps as many old keys as a set may hold", async () => {
    const { keys, server, clock } = setUp({ maxKeys: 150 });
    const many = (prefix: string) =>
      Array.from({ length: 150 }, (_, at) => publicKeyToJwk(one.publicKey, `${prefix}${at}`));
    for (const prefix of ["x", "y", "z"]) {
      server.keys = many(prefix);
      expect(codeOf(await keys.find(url, { kid: `${prefix}149` }))).toBe("found");
      await clock.advance(600_000);
    }
    expect(await keys.find(url, { kid: "y149" })).toMatchObject({ status: "found", key: { retained: true } });
    expect(codeOf(await keys.find(url, { kid: "x0" }))).toBe("unknown_key");
  });

  it("keeps no key of a set that was ambiguous", async () => {
    const { keys, server, clock } = setUp();
    server.keys = [publicKeyToJwk(one.publicKey, "a"), publicKeyToJwk(two.publicKey, "a")];
    expect(codeOf(await keys.find(url, { kid: "a" }))).toBe("duplicate_kid");
    server.keys = [];
    await clock.advance(600_000);
    expect(codeOf(await keys.find(url, { kid: "a" }))).toBe("unknown_key");
  });

  it("refreshes an old set, and goes on with the old keys while the signer is away", async () => {
    const { keys, server, clock, requests } = setUp({ maxAgeMs: 60_000 });
    await keys.find(url, { kid: "a" });
    server.respond = answer("", 500);
    await clock.advance(60_000);
    expect(codeOf(await keys.find(url, { kid: "a" }))).toBe("found");
    expect(requests).toHaveLength(2);
  });

  it("works offline from a bundle, whatever the origin", async () => {
    const bundle = { "https://elsewhere.example/jwks": { keys: [publicKeyToJwk(one.publicKey, "a")] } };
    const { keys, requests } = setUp({ trustedOrigins: [], bundle });
    expect(codeOf(await keys.find("https://elsewhere.example/jwks", { kid: "a" }))).toBe("found");
    expect(await keys.find("https://elsewhere.example/jwks", { kid: "b" })).toMatchObject({ status: "refused" });
    expect(codeOf(await keys.find(url, { kid: "a" }))).toBe("origin_not_trusted");
    expect(requests).toEqual([]);
  });

  it("a pinned key verifies nothing signed since it may be stolen", async () => {
    const { keys } = setUp({ notAfterMs: { [hex(one.publicKey).toUpperCase()]: 1000 } });
    expect(codeOf(await keys.find(url, { kid: "a", atMs: 999 }))).toBe("found");
    expect(await keys.find(url, { kid: "a", atMs: 1000 })).toMatchObject({
      status: "refused",
      problem: { code: "revoked_key" },
    });
    expect(codeOf(await keys.find(url, { kid: "a" }))).toBe("revoked_key");
    expect(() => setUp({ notAfterMs: { a: 1 } })).toThrow(ConfigurationError);
  });

  it("lets one caller leave without disturbing the others", async () => {
    const { keys, server, requests } = setUp();
    const { promise, resolve } = createDeferred<void>();
    const body = JSON.stringify({ keys: server.keys });
    server.respond = () => promise.then(() => ({ status: 200, headers: {}, body }));
    const controller = new AbortController();
    const leaving = keys.find(url, { kid: "a" }, { signal: controller.signal });
    const staying = keys.find(url, { kid: "a" });
    controller.abort();
    await expect(leaving).rejects.toThrow(AbortedError);
    resolve();
    expect(codeOf(await staying)).toBe("found");
    expect(requests).toHaveLength(1);
  });
});
