import { keyPairFromSeed, publicKeyToJwk } from "@imprest/core/audit";
import { signAuditEvent } from "@imprest/asp/audit";
import { beforeAll, describe, expect, it } from "vitest";
import { VerifyPool } from "../src/cli/verify-pool.ts";
import { imprest } from "./support.ts";

const origin = "https://authority.example";
const seed = new Uint8Array(32).fill(7);
const signer = { source: `${origin}/asp`, typePrefix: "org.agentspend", kid: "k1", privateKey: seed };
const startMs = Date.parse("2026-06-01T12:00:00Z");
let keys: object = {};
/** 1,500 reservations and their commits: threads take over on the way. */
let feed: string[] = [];

beforeAll(async () => {
  keys = { keys: [publicKeyToJwk((await keyPairFromSeed(seed)).publicKey, "k1")] };
  feed = (await Promise.all(Array.from({ length: 1_500 }, (_, at) => pair(at)))).flat();
});

async function pair(at: number): Promise<string[]> {
  const decision_id = `018f6b2e-7c1a-7000-8000-${String(at).padStart(12, "0")}`;
  const common = { decision_id, reservation_id: `r-${at}`, budget_id: "team", unit: "output_token" };
  const ttl_expires_at = new Date(startMs + at * 20 + 600_000).toISOString();
  const reserve = { ...common, amount_atomic_reserved: "1000", decision: "ALLOW", ttl_expires_at };
  const commit = { ...common, amount_atomic_observed: "700", refund_amount_atomic: "300" };
  return [
    await signAuditEvent("reserve", reserve, signer, startMs + at * 20),
    await signAuditEvent("commit", commit, signer, startMs + at * 20 + 10),
  ];
}

const verify = (lines: readonly string[], threads: number, trust = origin) =>
  imprest(["verify", "feed", "--trust", trust, "--jwks", "keys", "--format", "json"], {
    files: { feed: lines.join("\n"), keys: JSON.stringify(keys) },
    threads,
  });

describe("imprest verify on several threads", () => {
  it("says the same, in the same order, as on one, of good lines and of every kind of bad one", async () => {
    const bad = [
      "{",
      "",
      '{"specversion":"1.0"}',
      `"${"x".repeat(1_100_000)}"`,
      "\ud83d",
      (feed[10] ?? "").replace("1000", "1001"),
      (feed[20] ?? "").replace(origin, "https://other.example"),
      feed[31] ?? "",
    ];
    const lines = feed.flatMap((line, at) =>
      at % 120 === 7 ? [bad[((at - 7) / 120) % bad.length] ?? "", line] : [line],
    );
    const alone = await verify(lines, 1);
    expect(alone.code).toBe(1);
    expect(alone.out.split("\n")).toHaveLength(lines.filter((line) => line !== "").length + 2);
    for (const threads of [2, 5]) expect(await verify(lines, threads), `${threads} threads`).toEqual(alone);
  });

  it("takes a feed that is too short for threads", async () => {
    expect(await verify(feed.slice(0, 2), 4)).toEqual(await verify(feed.slice(0, 2), 1));
  });

  it("refuses what nobody can be trusted by before a thread starts", async () => {
    expect(await verify(feed, 4, "no origin")).toEqual(await verify(feed, 1, "no origin"));
  });

  it("a thread that cannot work rejects every line that waits for it, and those that come later", async () => {
    const pool = new VerifyPool({ origins: ["no origin"] }, 2);
    const lines = Array.from({ length: 200 }, () => new TextEncoder().encode(feed[0]));
    const settled = await Promise.allSettled(lines.map((line) => pool.verify(line)));
    expect(settled.every(({ status }) => status === "rejected")).toBe(true);
    await expect(pool.verify(lines[0] ?? new Uint8Array())).rejects.toThrow(/origin/);
    await pool.close();
  });

  it("a pool that is closed leaves nobody waiting and starts nothing more", async () => {
    const pool = new VerifyPool({ origins: [origin], jwks: { [origin]: keys } }, 2);
    const waiting = pool.verify(new TextEncoder().encode(feed[0]));
    await pool.close();
    await expect(waiting).rejects.toThrow("closed");
  });
});
