import { ConfigurationError, tokens } from "@imprest/core";
import { describe, expect, it } from "vitest";
import { type Policy, type PolicyQuestion, createEmbeddedAuthority } from "../../src/index.ts";
import { FakeClock, MapStore, WireCaller } from "../support.ts";

const subject = { tenant: "acme", agent: "bot" };
const action = { kind: "llm.completion", name: "gpt-5" };

async function answer(policy: Policy, amount = 100, more: object = {}): Promise<Record<string, unknown>> {
  const authority = createEmbeddedAuthority({ clock: new FakeClock(), policy });
  await authority.budgets.create({ scope: subject, allocated: tokens(1_000) });
  const caller = new WireCaller(authority, (await authority.apiKeys.create({ tenant: "acme" })).key);
  const request = { idempotency_key: "k", subject, action, estimate: { unit: "TOKENS", amount }, ...more };
  const decided = await caller.post("/v1/decide", request);
  const dry = await caller.post("/v1/reservations", { ...request, idempotency_key: "dry", dry_run: true });
  const live = await caller.post("/v1/reservations", request);
  expect(live.status).toBe(200);
  // The three evaluations of one request agree.
  for (const name of ["decision", "caps", "reason_code", "retry_after_ms"]) {
    expect([decided.body[name], dry.body[name]]).toEqual([live.body[name], live.body[name]]);
  }
  expect((await caller.post("/v1/reservations", request)).body).toEqual(live.body);
  const { reserved } = await authority.budgets.get({ scope: subject, unit: "TOKENS" });
  expect(reserved).toBe(live.body["decision"] === "DENY" ? 0n : BigInt(amount));
  return live.body;
}

describe("policies", () => {
  const scarce: Policy = [{ belowPercent: 20, caps: { max_tokens: 256 } }];

  it("caps what would leave less than a percentage, to the unit", async () => {
    expect(await answer(scarce, 800)).toMatchObject({ decision: "ALLOW" });
    expect(await answer(scarce, 801)).toMatchObject({ decision: "ALLOW_WITH_CAPS", caps: { max_tokens: 256 } });
    expect(await answer(scarce, 800)).not.toHaveProperty("caps");
  });

  it("joins the rules that hold to the strictest caps", async () => {
    const policy: Policy = [
      { caps: { max_tokens: 500, tool_allowlist: ["a", "b"], cooldown_ms: 5 } },
      { kind: "llm.*", caps: { max_tokens: 300, tool_allowlist: ["b", "c"], cooldown_ms: 10 } },
      { scope: "tenant:acme", name: "gpt-5", caps: { tool_denylist: ["x"], max_steps_remaining: 4 } },
      { kind: "tool.search", caps: { max_tokens: 1 } },
      { scope: "tenant:acme/agent:bo", caps: { max_tokens: 1 } },
    ];
    expect((await answer(policy))["caps"]).toEqual({
      max_tokens: 300,
      max_steps_remaining: 4,
      tool_allowlist: ["b"],
      tool_denylist: ["x"],
      cooldown_ms: 10,
    });
  });

  it("never joins two allowlists to none, which would allow every tool (Cycles §Caps)", async () => {
    const policy: Policy = [{ caps: { tool_allowlist: ["a"] } }, { caps: { tool_allowlist: ["b"] } }];
    const { caps } = await answer(policy);
    expect((caps as { tool_allowlist: string[] }).tool_allowlist).not.toHaveLength(0);
    expect((caps as { tool_allowlist: string[] }).tool_allowlist).not.toContain("a");
  });

  it("denies with the operator's own reason code", async () => {
    const policy: Policy = [{ kind: "llm.*", deny: { reasonCode: "NIGHT_SHIFT", retryAfterMs: 9_000 } }];
    const denied = await answer(policy);
    expect(denied).toMatchObject({ decision: "DENY", reason_code: "NIGHT_SHIFT", retry_after_ms: 9_000 });
    expect(denied).not.toHaveProperty("reservation_id");
  });

  it("may be a function, which sees the budgets as they stand", async () => {
    const asked: PolicyQuestion[] = [];
    await answer((question) => {
      asked.push(question);
      return { caps: { max_tokens: Number(question.budgets[0]?.remaining ?? 0n) } };
    });
    expect(asked[0]).toMatchObject({ tenant: "acme", scopePath: "tenant:acme/agent:bot", remainingPercent: 90 });
    expect(asked[0]?.budgets).toMatchObject([{ remaining: 1_000n }]);
  });

  it("that cannot be written to the wire is refused when it is made, and grants nothing when it is a function", async () => {
    for (const rule of [
      { caps: { max_tokens: Number.NaN } },
      { caps: { cooldown_ms: -1 } },
      { deny: { reasonCode: "" } },
      { belowPercent: Number.NaN },
    ]) {
      expect(() => createEmbeddedAuthority({ policy: [rule] })).toThrow(ConfigurationError);
    }
    const store = new MapStore();
    const authority = createEmbeddedAuthority({ store, policy: () => ({ caps: { max_tokens: 0.5 } }) });
    await authority.budgets.create({ scope: subject, allocated: tokens(10) });
    const caller = new WireCaller(authority, (await authority.apiKeys.create({ tenant: "acme" })).key);
    const request = { idempotency_key: "k", subject, action, estimate: { unit: "TOKENS", amount: 2 } };
    expect((await caller.post("/v1/reservations", request)).status).toBe(500);
    expect(await authority.budgets.get({ scope: subject, unit: "TOKENS" })).toMatchObject({ reserved: 0n });
  });

  it("is refused by name where a member is misspelt, because a rule without a condition holds for everything", () => {
    const rules: readonly (readonly [object, string])[] = [
      [{ belowPercnt: 20, deny: { reasonCode: "LOW" } }, '"belowPercnt"'],
      [{ caps: { max_token: 5 } }, '"max_token"'],
      [{ scope: "tenant:acme*", caps: {} }, "policy[0].scope"],
      [{ scope: "agent:bot/tenant:acme", caps: {} }, "policy[0].scope"],
    ];
    for (const [rule, said] of rules) {
      expect(() => createEmbeddedAuthority({ policy: [rule] })).toThrow(said);
    }
  });

  it("comes after the budgets: what they do not cover is denied as that", async () => {
    const authority = createEmbeddedAuthority({ policy: [{ deny: { reasonCode: "NEVER" } }] });
    await authority.budgets.create({ scope: subject, allocated: tokens(1) });
    const caller = new WireCaller(authority, (await authority.apiKeys.create({ tenant: "acme" })).key);
    const request = { idempotency_key: "k", subject, action, estimate: { unit: "TOKENS", amount: 2 } };
    expect((await caller.post("/v1/decide", request)).body).toMatchObject({ reason_code: "BUDGET_EXCEEDED" });
  });
});
