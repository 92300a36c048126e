import { mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { AspAuthority, AspClient, type PromisedEvent, guard } from "@imprest/asp";
import { signAuditEvent } from "@imprest/asp/audit";
import { usd } from "@imprest/core";
import { type PublicJwk, keyPairFromSeed, publicKeyToJwk } from "@imprest/core/audit";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { freePort, serving } from "./serving.ts";
import { imprest } from "./support.ts";

const folder = mkdtempSync(join(tmpdir(), "imprest-verify-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const key = "k".repeat(24);
const keyFile = join(folder, "asp-key.json");
let endServer = () => {};
afterAll(() => endServer());
let origin = "";
let feed: string[] = [];
let jwks = "";
const promised: PromisedEvent[] = [];

/** An agent guarded over ASP against the real `imprest serve`; the feed and the keys as they are then published. */
beforeAll(async () => {
  const port = await freePort();
  origin = `http://127.0.0.1:${port}`;
  const flags = ["--port", String(port), "--asp", origin, "--asp-key", keyFile];
  const books = ["--budget", "tenant:acme=USD:1.00", "--key", `acme=${key}`];
  const server = await serving([...flags, ...books], /Speaking ASP/, (end) => (endServer = end));
  const client = new AspClient({ baseUrl: origin, apiKey: key, onPromisedEvent: (event) => promised.push(event) });
  const authority = new AspAuthority(client, { budget: { budgetId: "tenant:acme" } });
  const request = { estimate: usd("0.05"), action: { kind: "llm.completion", name: "model" } };
  const call = guard(authority, request, async () => "ran", { spend: () => usd("0.02") });
  const failing = guard(authority, request, async () => Promise.reject(new Error("no provider")), {
    unspent: () => true,
  });
  for (let at = 0; at < 6; at += 1) await call();
  await failing().catch(() => {});
  // The release goes on behind the caller's back; its event is the last of fourteen.
  const read = async () => {
    const headers = { authorization: `Bearer ${key}` };
    return (await fetch(`${origin}/asp/events?cursor=0`, { headers })).text();
  };
  await vi.waitFor(async () => expect((await read()).trim().split("\n")).toHaveLength(14));
  feed = (await read()).trim().split("\n");
  jwks = await (await fetch(`${origin}/.well-known/asp-jwks.json`)).text();
  expect(await server.stop()).toBe(0);
}, 30_000);

const verify = (lines: readonly string[], ...more: string[]) =>
  imprest(["verify", "feed", "--trust", origin, "--jwks", "keys", "--allow-loopback", ...more], {
    files: {
      feed: lines.map((line) => `${line}\n`).join(""),
      keys: jwks,
      promised: promised.map((event) => `${JSON.stringify(event)}\n`).join(""),
    },
  });
const pinned = ["--promised", "promised"];

describe("imprest verify", () => {
  it("says clean of what an agent guarded over ASP really left, and what that does not prove", async () => {
    const ran = await verify(feed, ...pinned);
    expect(ran).toMatchObject({ code: 0, out: "" });
    expect(ran.err).toContain("14 events, 7 decisions, 0 open: clean.");
    expect((await verify(feed)).err).toContain("not proven:");
    expect(statSync(keyFile).mode & 0o777).toBe(0o600);
  });

  it("finds every single line deleted, every line edited and the tail cut, when signatures were pinned", async () => {
    for (let at = 0; at < feed.length; at += 1) {
      expect((await verify(feed.toSpliced(at, 1), ...pinned)).code, `line ${at + 1} deleted`).toBe(1);
      const edited = feed.with(at, feed[at]?.replace(/"time":"20(\d\d)/, '"time":"21$1') ?? "");
      expect((await verify(edited, ...pinned)).code, `line ${at + 1} edited`).toBe(1);
    }
    for (let end = 1; end < feed.length; end += 1) {
      expect((await verify(feed.slice(0, end), ...pinned)).code, `cut after ${end}`).toBe(1);
    }
  });

  it("finds an answer to a commit that carried its reserve's signature", async () => {
    const [first] = promised.filter(({ verb }) => verb === "commit");
    const reserve = promised.find(
      ({ verb, reservationId }) => verb === "reserve" && reservationId === first?.reservationId,
    );
    const lied = promised.map((event) => (event === first ? { ...event, signature: reserve?.signature } : event));
    const files = {
      feed: feed.join("\n"),
      keys: jwks,
      promised: lied.map((event) => JSON.stringify(event)).join("\n"),
    };
    const args = ["verify", "feed", "--trust", origin, "--jwks", "keys", "--allow-loopback", ...pinned];
    const ran = await imprest(args, { files });
    expect(ran).toMatchObject({ code: 1, out: expect.stringContaining("promised_event_mismatch") });
  });

  it("names the line, the code and the reason; --format json has every line and the conclusion", async () => {
    const tampered = feed.with(2, (feed[2] ?? "").replace("tenant:acme", "tenant:evil"));
    const ran = await verify(tampered);
    expect(ran.code).toBe(1);
    expect(ran.out).toMatch(/^line 3: signature_invalid\n {2}\w+/);
    const json = await verify(feed, "--format", "json");
    const lines = json.out
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(lines).toHaveLength(15);
    expect(lines[0]).toMatchObject({ line: 1, accepted: true, disposition: "authentic" });
    expect(lines[14]).toMatchObject({ conclusion: { decisions: 7, open: 0, findings: [] } });
  });

  it("names that a relay wrote start no line of the report", async () => {
    const forged = JSON.stringify({ ...JSON.parse(feed[2] ?? ""), "\u001b[2J\nline 9: authentic": 1 });
    const ran = await verify(feed.with(2, feed[3] ?? "").with(3, forged));
    expect(ran.out).toContain("unsigned_attribute");
    expect(ran.out).not.toMatch(/^line 9/m);
    expect(ran.out).not.toContain("\u001b");
  });

  it("writes FOCUS rows of the commits, as CSV and as NDJSON", async () => {
    const who = ["--billing-account", "acct-1", "--provider", "Acme"];
    const csv = (await verify(feed, "--focus", "out.csv", ...who)).made["out.csv"] ?? "";
    expect(csv.trim().split("\r\n")).toHaveLength(7);
    const ndjson = (await verify(feed, "--focus", "out.ndjson", ...who)).made["out.ndjson"] ?? "";
    const rows = ndjson
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as { readonly BilledCost: string });
    expect(rows.map(({ BilledCost }) => Number(BilledCost))).toEqual(Array.from({ length: 6 }, () => 0.02));
  });

  it("believes nobody else's keys, and fetches nothing by default", async () => {
    const other = await imprest(["verify", "feed", "--trust", "https://other.example", "--jwks", "keys"], {
      files: { feed: feed.join("\n"), keys: jwks },
    });
    expect(other.code).toBe(1);
    const unfetched = await imprest(["verify", "feed", "--trust", origin, "--allow-loopback"], {
      files: { feed: "{}" },
    });
    expect(unfetched).toMatchObject({ code: 2, err: expect.stringContaining("--fetch-keys") });
  });

  it.each<[string, string[], Record<string, string>, string]>([
    ["no file", [], {}, "Name a file"],
    ["nobody trusted", ["feed"], { feed: "{}" }, "--trust"],
    [
      "an empty feed",
      ["feed", "--trust", "https://a.example", "--jwks", "k"],
      { feed: "\n", k: '{"keys":[]}' },
      "holds no event",
    ],
    [
      "keys that are no key set",
      ["feed", "--trust", "https://a.example", "--jwks", "k"],
      { feed: "{}", k: "[]" },
      "key set",
    ],
    [
      "promises that are none",
      ["feed", "--trust", "https://a.example", "--jwks", "k", "--promised", "p"],
      { feed: "{}", k: '{"keys":[]}', p: "5" },
      "no promised event",
    ],
    [
      "a promise without its reservation",
      ["feed", "--trust", "https://a.example", "--jwks", "k", "--promised", "p"],
      { feed: "{}", k: '{"keys":[]}', p: '\n{"verb":"commit","idempotencyKey":"k","signature":"s"}' },
      "p, line 2 is no promised event that can be bound to its own: promised event: /reservationId",
    ],
    [
      "rows for nobody",
      ["feed", "--trust", "https://a.example", "--jwks", "k", "--focus", "o.csv"],
      { feed: "{}", k: '{"keys":[]}' },
      "--billing-account",
    ],
  ])("exits 2 and says what to do: %s", async (_name, args, files, message) => {
    expect(await imprest(["verify", ...args], { files })).toMatchObject({
      code: 2,
      err: expect.stringContaining(message),
    });
  });
});

describe("imprest verify with the keys of several issuers", () => {
  const [here, there] = ["https://a.example", "https://b.example"];
  const seeds = { a: new Uint8Array(32).fill(1), b: new Uint8Array(32).fill(2), old: new Uint8Array(32).fill(3) };
  const sets: Record<string, string> = {};

  async function jwkOf(seed: Uint8Array, kid: string): Promise<PublicJwk> {
    return publicKeyToJwk((await keyPairFromSeed(seed)).publicKey, kid);
  }

  /** A denied reserve of issuer A: clean by itself, once its signature is A's. */
  function eventOf(privateKey: Uint8Array, kid: string): Promise<string> {
    const data = { budget_id: "team", unit: "output_token", amount_atomic_reserved: "1", decision: "DENY" };
    const signer = { source: `${here}/asp`, typePrefix: "org.agentspend", kid, privateKey };
    return signAuditEvent("reserve", { decision_id: crypto.randomUUID(), ...data }, signer, Date.now());
  }

  async function run(line: Promise<string>, ...args: string[]) {
    return imprest(["verify", "feed", ...args], { files: { feed: await line, ...sets } });
  }

  beforeAll(async () => {
    const [a, b, old] = [await jwkOf(seeds.a, "ka"), await jwkOf(seeds.b, "kb"), await jwkOf(seeds.old, "k0")];
    const write = (...keys: object[]): string => JSON.stringify({ keys });
    sets["a"] = write(a);
    sets["b"] = write(b);
    sets["both"] = write(a, b);
    sets["archived"] = write(old, { ...a, use: "sig" });
    sets["other=ka"] = write({ ...b, kid: "ka" });
  });

  it("finds an event of A that B's key signed, and takes A's own", async () => {
    const trust = ["--trust", here, "--trust", there, "--jwks", `${here}=a`, "--jwks", `${there}=b`];
    expect(await run(eventOf(seeds.b, "kb"), ...trust)).toMatchObject({
      code: 1,
      out: expect.stringContaining("unknown_key"),
    });
    expect(await run(eventOf(seeds.a, "ka"), ...trust)).toMatchObject({ code: 0, out: "" });
  });

  it("refuses a key file that names no issuer as soon as two are trusted, and says how to name one", async () => {
    const two = ["--trust", here, "--trust", there];
    for (const more of [[], ["--jwks", `${there}=b`], ["--fetch-keys"]]) {
      const ran = await run(eventOf(seeds.b, "kb"), ...two, "--jwks", "both", ...more);
      expect(ran).toMatchObject({ code: 2, out: "", err: expect.stringContaining(`--jwks ${here}=both`) });
    }
    const once = ["--trust", here, "--trust", "HTTPS://A.example:443", "--jwks", "a"];
    expect(await run(eventOf(seeds.a, "ka"), ...once)).toMatchObject({ code: 0 });
  });

  it("refuses a key file of an issuer that is not trusted", async () => {
    for (const stranger of [there, `${here}/asp`]) {
      const ran = await run(eventOf(seeds.a, "ka"), "--trust", here, "--jwks", `${stranger}=b`, "--jwks", "a");
      expect(ran).toMatchObject({ code: 2, err: expect.stringContaining(`--jwks ${stranger}=b: no --trust`) });
    }
  });

  it.each([
    ["named", [here, "=a"], [here, "=archived"]],
    ["not named, with one issuer trusted", ["", "a"], ["", "archived"]],
  ])("takes current and archived keys of one issuer out of two files, %s", async (_how, current, archived) => {
    for (const files of [
      [current, archived],
      [archived, current],
    ]) {
      const keys = files.flatMap((parts) => ["--jwks", parts.join("")]);
      expect(await run(eventOf(seeds.a, "ka"), "--trust", here, ...keys)).toMatchObject({ code: 0, out: "" });
      expect(await run(eventOf(seeds.old, "k0"), "--trust", here, ...keys)).toMatchObject({ code: 0, out: "" });
    }
  });

  it("refuses two files that give one kid to different keys, and names both", async () => {
    const trust = ["--trust", here, "--trust", there, "--jwks", `${there}=b`];
    for (const [first, second] of [
      ["a", "other=ka"],
      ["other=ka", "a"],
    ]) {
      const ran = await run(
        eventOf(seeds.a, "ka"),
        ...trust,
        "--jwks",
        `${here}=${first}`,
        "--jwks",
        `${here}=${second}`,
      );
      expect(ran).toMatchObject({ code: 2, err: expect.stringContaining(`${first} and ${second} differ`) });
    }
  });
});

describe("imprest serve --asp", () => {
  it.each([
    [["--asp", "https://a.example"], "go together"],
    [["--asp", "not an origin", "--asp-key", join(folder, "new.json")], "bare origin"],
  ])("%o: exits 2", async (args, message) => {
    expect(await imprest(["serve", ...args])).toMatchObject({ code: 2, err: expect.stringContaining(message) });
  });

  it("refuses a key file that holds something else", async () => {
    const file = join(folder, "bad.json");
    writeFileSync(file, '{"kty":"OKP"}');
    const ran = await imprest(["serve", "--asp", "https://a.example", "--asp-key", file]);
    expect(ran).toMatchObject({ code: 2, err: expect.stringContaining("no private Ed25519 JWK") });
  });
});
