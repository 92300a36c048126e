import { signAuditEvent } from "@imprest/asp/audit";
import { keyPairFromSeed, publicKeyToJwk } from "@imprest/core/audit";
import { beforeAll, describe, expect, it } from "vitest";
import { imprest } from "./support.ts";

const origin = "https://a.example";
const privateKey = new Uint8Array(32).fill(5);
const signer = { source: `${origin}/asp`, typePrefix: "org.agentspend", kid: "k1", privateKey };
let nowMs = Date.parse("2026-06-01T12:00:00Z");
let keys = "";

beforeAll(async () => {
  keys = JSON.stringify({ keys: [publicKeyToJwk((await keyPairFromSeed(privateKey)).publicKey, "k1")] });
});

/** A reserve of 1000 of a unit and the commit of 800. */
async function settled(unit: string, model?: string): Promise<[string, string]> {
  const decision_id = crypto.randomUUID();
  nowMs += 5_000;
  const reserve = {
    budget_id: "team",
    unit,
    amount_atomic_reserved: "1000",
    decision: "ALLOW",
    ttl_expires_at: new Date(nowMs + 60_000).toISOString(),
    ...(model !== undefined && { runtime_metadata: { model } }),
  };
  const commit = { reservation_id: decision_id, amount_atomic_observed: "800", refund_amount_atomic: "200" };
  return [
    await signAuditEvent("reserve", { decision_id, ...reserve }, signer, nowMs),
    await signAuditEvent("commit", { decision_id, ...commit }, signer, nowMs + 1_000),
  ];
}

async function focus(lines: readonly string[], ...more: string[]) {
  const who = ["--billing-account", "acct-1", "--provider", "Acme"];
  const args = ["verify", "feed", "--trust", origin, "--jwks", "keys", "--focus", "out.ndjson", ...who, ...more];
  const ran = await imprest(args, { files: { feed: lines.map((line) => `${line}\n`).join(""), keys } });
  const rows = (ran.made["out.ndjson"] ?? "").split("\n").filter((line) => line !== "");
  return { ...ran, rows: rows.map((row) => JSON.parse(row) as Record<string, string | null>) };
}

describe("imprest verify --focus", () => {
  it("bills a settlement once whose lines came twice, and in any order", async () => {
    const [reserve, commit] = await settled("USD_MICROCENTS");
    const twice = await focus([reserve, commit, reserve, commit]);
    expect(twice.rows).toMatchObject([{ BilledCost: "0.000008" }]);
    const turned = await focus([commit, reserve], "--any-order");
    expect(turned).toMatchObject({ code: 0, rows: [{ BilledCost: "0.000008" }] });
    expect(turned.err).toContain("FOCUS: 1 rows, 0 charges without one.");
  });

  it("prices units by --money, and by --price, where that of a model counts before that of every model", async () => {
    const lines = [
      ...(await settled("usd_atomic")),
      ...(await settled("output_token", "small")),
      ...(await settled("output_token", "vendor/large")),
      ...(await settled("request")),
    ];
    const prices = ["output_token=USD:0.00001", "vendor/large/output_token=EUR:0.0003", "request=USD:0.5"];
    const priced = ["--money", "usd_atomic=USD:6", ...prices.flatMap((price) => ["--price", price])];
    const ran = await focus(lines, ...priced);
    expect(ran.code).toBe(0);
    expect(ran.rows.map(({ BilledCost, BillingCurrency, SkuId }) => [BilledCost, BillingCurrency, SkuId])).toEqual([
      ["0.0008", "USD", "usd_atomic"],
      ["0.008", "USD", "small"],
      ["0.24", "EUR", "vendor/large"],
      ["400", "USD", "request"],
    ]);
  });

  it("exits 1 and names every charge that has no row: of a unit without a price, and without its reserve", async () => {
    const unpriced = await settled("output_token");
    const [, orphan] = await settled("USD_MICROCENTS");
    const ran = await focus([...unpriced, orphan]);
    expect(ran).toMatchObject({ code: 1, rows: [] });
    expect(ran.out).toMatch(/no FOCUS row for \S+, 800:\n {2}no_price: .*output_token/);
    expect(ran.out).toMatch(/no FOCUS row for \S+, 800:\n {2}no_reserve: /);
    expect(ran.err).toContain("FOCUS: 0 rows, 2 charges without one.");
    const json = await focus(await settled("output_token"), "--format", "json");
    expect(json.out).toMatch(/\{"focus":\{"code":"no_price",.*"amount":"800"\}\}/);
  });

  it("leaves out the columns that spend has no value for with --focus-columns applicable", async () => {
    const all = await focus(await settled("USD_MICROCENTS"));
    const some = await focus(await settled("USD_MICROCENTS"), "--focus-columns", "applicable");
    expect(Object.keys(all.rows[0] ?? {})).toHaveLength(43);
    expect(Object.keys(some.rows[0] ?? {})).toHaveLength(32);
  });

  it.each([
    [["--money", "usd_atomic=USD"], "write usd_atomic=USD:6"],
    [["--money", "usd_atomic=dollars:6"], "write usd_atomic=USD:6"],
    [["--price", "output_token=0.1"], "write output_token=USD:0.00001"],
    [["--price", "output_token=USD:1e-5"], "write output_token=USD:0.00001"],
    [["--focus-columns", "few"], '"all" or "applicable"'],
  ])("exits 2 and says what to write: %o", async (args, message) => {
    const ran = await focus(await settled("USD_MICROCENTS"), ...args);
    expect(ran).toMatchObject({ code: 2, err: expect.stringContaining(message) });
  });
});
