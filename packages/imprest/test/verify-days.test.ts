import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type JsonObject, keyPairFromSeed, publicKeyToJwk, signAuditEvent } from "@imprest/core/audit";
import type { AuditSuffix } from "@imprest/core/models/asp";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { imprest } from "./support.ts";

const folder = mkdtempSync(join(tmpdir(), "imprest-days-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const pathOf = (name: string): string => join(folder, name);

const origin = "https://authority.example";
const seed = new Uint8Array(32).fill(5);
const dayMs = 86_400_000;
const startMs = Date.parse("2026-06-01T00:00:00Z");
let keys = "";

function event(suffix: AuditSuffix, decision: number, atMs: number, data: JsonObject, id?: string): Promise<string> {
  const signer = { source: `${origin}/asp/acme`, typePrefix: "imprest", kid: "k1", privateKey: seed };
  const decision_id = `018f6b2e-7c1a-7000-8000-${String(decision).padStart(12, "0")}`;
  return signAuditEvent(suffix, { decision_id, ...data }, signer, atMs, id);
}

/** Granted in the last seconds of the first day, committed on the second, refunded on the third. */
async function threeDays(): Promise<string[]> {
  const atMs = startMs + dayMs - 5_000;
  const ttl_expires_at = new Date(atMs + 600_000).toISOString();
  const granted = { amount_atomic_reserved: "1000", decision: "ALLOW", budget_id: "team", unit: "output_token" };
  const of = { reservation_id: "r1" };
  const refund = { ...of, amount_atomic_refunded: "40", original_commit_event_id: "commit-event" };
  const exact = { ...of, amount_atomic_observed: "1000", exact_match: true };
  return [
    await event("reserve", 1, atMs, { ...granted, ttl_expires_at }),
    await event("commit", 1, atMs + 9_000, exact, "commit-event"),
    await event("refund", 1, atMs + 2 * dayMs, refund),
  ];
}

/** Audits one day after the other, each from the checkpoint of the day before. */
async function daily(days: readonly string[], flags: (day: number) => readonly string[] = () => []) {
  const ran = [];
  let since: string | undefined;
  for (const [at, day] of days.entries()) {
    const from = since === undefined ? [] : ["--since", "before"];
    const args = [
      "verify",
      "feed",
      "--trust",
      origin,
      "--jwks",
      "keys",
      "--checkpoint",
      "after",
      ...from,
      ...flags(at),
    ];
    const result = await imprest(args, { files: { feed: day, keys, ...(since !== undefined && { before: since }) } });
    since = result.made["after"];
    ran.push(result);
  }
  return ran;
}

beforeAll(async () => {
  keys = JSON.stringify({ keys: [publicKeyToJwk((await keyPairFromSeed(seed)).publicKey, "k1")] });
});

describe("imprest verify, day by day", () => {
  it.each([
    ["remembered by the checkpoints", false],
    ["remembered by an index", true],
  ])("takes a reservation across midnight and a late refund for what they are, %s", async (_how, hasIndex) => {
    const days = await threeDays();
    const flags = hasIndex ? ["--index", pathOf("days")] : [];
    const ran = await daily(days, () => flags);
    expect(ran.map(({ code, out }) => [code, out])).toEqual([
      [0, ""],
      [0, ""],
      [0, ""],
    ]);
    expect(ran[0]?.err).toContain("1 events, 1 decisions, 1 open: clean.");
    // Without what came before, the same day is a commit of nothing.
    const alone = await imprest(["verify", "feed", "--trust", origin, "--jwks", "keys"], {
      files: { feed: days[1] ?? "", keys },
    });
    expect(alone).toMatchObject({ code: 1, out: expect.stringContaining("missing_reserve") });
  });

  it("finds on the third day a refund of more than was committed on the second", async () => {
    const days = await threeDays();
    const atMs = startMs + 3 * dayMs;
    const more = { reservation_id: "r1", amount_atomic_refunded: "961", original_commit_event_id: "commit-event" };
    const ran = await daily([...days, await event("refund", 1, atMs, more)]);
    expect(ran.at(-1)).toMatchObject({ code: 1, out: expect.stringContaining("more was refunded than committed") });
  });

  it("signs checkpoints, and takes up none that was altered or signed by another key", async () => {
    const days = await threeDays();
    const sign = ["--sign", pathOf("auditor.json")];
    const [first] = await daily(days.slice(0, 1), () => sign);
    const checkpoint = first?.made["after"] ?? "";
    expect(JSON.parse(checkpoint)).toMatchObject({ kind: "imprest.audit.checkpoint", signature: expect.any(String) });
    const goOn = (before: string, ...more: string[]) =>
      imprest(["verify", "feed", "--trust", origin, "--jwks", "keys", "--since", "before", ...more], {
        files: { feed: days[1] ?? "", keys, before },
      });
    expect(await goOn(checkpoint, ...sign)).toMatchObject({ code: 0 });
    expect(await goOn(checkpoint.replace('"latestMs":1', '"latestMs":2'))).toMatchObject({
      code: 2,
      err: expect.stringContaining("was altered or cut"),
    });
    expect(await goOn(checkpoint, "--sign", pathOf("other.json"))).toMatchObject({
      code: 2,
      err: expect.stringContaining("not signed by the key"),
    });
    expect(await goOn("{}")).toMatchObject({ code: 2, err: expect.stringContaining("none that an audit has written") });
  });

  it("refuses an index that knows of other events than the checkpoint", async () => {
    const days = await threeDays();
    const index = ["--index", pathOf("mixed")];
    const [first] = await daily(days.slice(0, 1), () => index);
    const run = (since: readonly string[], before = first?.made["after"] ?? "") =>
      imprest(["verify", "feed", "--trust", origin, "--jwks", "keys", ...index, ...since], {
        files: { feed: days[1] ?? "", keys, before },
      });
    expect(await run([])).toMatchObject({ code: 2, err: expect.stringContaining("of an earlier audit") });
    const [other] = await daily(days.slice(0, 1));
    expect(await run(["--since", "before"], other?.made["after"])).toMatchObject({
      code: 2,
      err: expect.stringContaining("not that of the checkpoint"),
    });
    expect(await run(["--since", "before"])).toMatchObject({ code: 0 });
  });

  it("goes on over a day without events", async () => {
    const [first = "", second = ""] = await threeDays();
    const ran = await daily([first, "", second]);
    expect(ran.map(({ code }) => code)).toEqual([0, 0, 0]);
  });
});
