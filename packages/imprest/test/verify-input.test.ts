import { gzipSync } from "node:zlib";
import { signAuditEvent } from "@imprest/asp/audit";
import { keyPairFromSeed, publicKeyToJwk } from "@imprest/core/audit";
import { beforeAll, describe, expect, it } from "vitest";
import { imprest } from "./support.ts";

const origin = "https://a.example";
const privateKey = new Uint8Array(32).fill(5);
const source = `${origin}/asp/acme`;
const atMs = Date.parse("2026-06-01T12:00:00Z");
let feed = "";
let keys = "";
let keyHex = "";

beforeAll(async () => {
  const { publicKey } = await keyPairFromSeed(privateKey);
  keyHex = Buffer.from(publicKey).toString("hex");
  keys = JSON.stringify({ keys: [publicKeyToJwk(publicKey, "k1")] });
  const signer = { source, typePrefix: "org.agentspend", kid: "k1", privateKey };
  const denied = { budget_id: "team", unit: "output_token", amount_atomic_reserved: "1", decision: "DENY" };
  const lines = Array.from({ length: 40 }, (_, at) =>
    signAuditEvent("reserve", { decision_id: crypto.randomUUID(), ...denied }, signer, atMs + at * 1_000),
  );
  feed = `${(await Promise.all(lines)).join("\n")}\n`;
});

/** In chunks of some bytes, as a slow disk or a pipe gives them. */
async function* bytes(data: Uint8Array, size = 1): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < data.length; at += size) yield data.subarray(at, at + size);
}

const verify = (input: string | AsyncIterable<Uint8Array>, ...more: string[]) =>
  imprest(["verify", "feed", "--trust", origin, "--jwks", "keys", ...more], { files: { feed: input, keys } });

describe("the input of imprest verify", () => {
  it.each([1, 7, 100_000])("reads a gzipped feed by its first bytes, in chunks of %i", async (size) => {
    const ran = await verify(bytes(gzipSync(feed), size));
    expect(ran).toMatchObject({ code: 0, out: "", err: expect.stringContaining("40 events") });
    expect((await verify(bytes(Buffer.from(feed), size))).code).toBe(0);
  });

  it("names a file that is something else, and says what to do: one error, and exit 2", async () => {
    const array = `[${feed.trim().split("\n").join(",\n")}]`;
    const directory = Object.assign(new Error("EISDIR: illegal operation on a directory, read"), { code: "EISDIR" });
    const wrong: readonly (readonly [string | AsyncIterable<Uint8Array>, string])[] = [
      [` \n${array}`, "feed is a JSON array; one event a line is read: jq"],
      [bytes(gzipSync(array), 50), "feed is a JSON array"],
      [bytes(Buffer.from(`\ufeff${feed}`, "utf16le"), 999), "feed is UTF-16"],
      [bytes(Buffer.from(feed, "utf16le"), 999), "feed is UTF-16"],
      [bytes(gzipSync(feed).subarray(0, 300), 50), "feed is a gzip that is cut off or damaged"],
      [{ [Symbol.asyncIterator]: () => ({ next: () => Promise.reject(directory) }) }, "feed is a directory"],
    ];
    for (const [input, message] of wrong) {
      const ran = await verify(input);
      expect(ran).toMatchObject({ code: 2, out: "", err: expect.stringContaining(`imprest verify: ${message}`) });
    }
  });

  it("names the flag where events are of an origin that is not trusted", async () => {
    const files = { feed, keys };
    const ran = await imprest(["verify", "feed", "--trust", "https://b.example", "--jwks", "keys"], { files });
    expect(ran).toMatchObject({ code: 1, err: expect.stringContaining("40 events are of an origin that no --trust") });
    expect((await verify(feed)).err).not.toContain("--trust");
  });

  it("holds every event to --source and --budget", async () => {
    expect((await verify(feed, "--source", source, "--budget", "team")).code).toBe(0);
    expect(await verify(feed, "--source", `${origin}/asp/other`)).toMatchObject({
      code: 1,
      out: expect.stringContaining("unexpected_source"),
    });
    expect(await verify(feed, "--budget", "other")).toMatchObject({
      code: 1,
      out: expect.stringContaining("unexpected_budget"),
    });
  });

  it("takes nothing signed from --not-after on, and refuses one that it cannot read", async () => {
    const since = await verify(feed, "--not-after", `${keyHex}=2026-06-01T12:00:30Z`);
    expect(since.code).toBe(1);
    expect(since.out.match(/revoked_key/g)).toHaveLength(10);
    for (const end of [keyHex, `${keyHex}=yesterday`, "k1=2026-06-01T12:00:30Z"]) {
      expect(await verify(feed, "--not-after", end)).toMatchObject({
        code: 2,
        err: expect.stringContaining(`--not-after ${end}: write 64 hex digits`),
      });
    }
  });
});
