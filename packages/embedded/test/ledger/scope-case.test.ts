import { createFetchTransport, tokens } from "@imprest/core";
import type { EmittedEvent } from "@imprest/core/models/cycles";
import { CyclesGovernanceClient } from "@imprest/cycles/governance";
import { describe, expect, it } from "vitest";
import { LedgerUnavailableError, type EmbeddedAuthorityOptions, createEmbeddedAuthority } from "../../src/index.ts";
import { checkWebhook } from "../../src/governance/webhook.ts";
import { Ledger } from "../../src/ledger/ledger.ts";
import { type Answer, FakeClock, MapStore, WireCaller } from "../support.ts";

// The reference server derives `agent:small` from the agents small, Small and SMALL alike: none of them is a way around the
// budget, the policies or the quotas of another.

const action = { kind: "llm.completion", name: "gpt-5" };
const small = { tenant: "acme", agent: "small" };
const adminKey = "admin-key-for-tests-0123456789";
const tenant = "acme";

async function start(options: EmbeddedAuthorityOptions = {}) {
  const authority = createEmbeddedAuthority({
    clock: new FakeClock(),
    ...options,
    governance: { adminKeys: [adminKey] },
  });
  await authority.budgets.create({ scope: { tenant }, allocated: tokens(1_000) });
  await authority.budgets.create({ scope: { tenant, agent: "Small" }, allocated: tokens(100) });
  const { key } = await authority.apiKeys.create({ tenant });
  const caller = new WireCaller(authority, key);
  let keys = 0;
  const ask = (path: string, agent: string, amount: number, more: object = {}): Promise<Answer> => {
    const spend = { unit: "TOKENS", amount };
    const money = path === "/v1/events" ? { actual: spend } : { estimate: spend };
    const request = { idempotency_key: `k${(keys += 1)}`, subject: { tenant, agent }, action, ...money, ...more };
    return caller.post(path, request);
  };
  const reserve = (agent: string, amount = 1, more?: object) => ask("/v1/reservations", agent, amount, more);
  const transport = createFetchTransport((input, init) => authority.handler(new Request(input, init)));
  const governance = new CyclesGovernanceClient({
    baseUrl: "https://authority.test",
    apiKey: key,
    adminApiKey: adminKey,
    transport,
  });
  return { authority, caller, ask, reserve, governance };
}

describe("another spelling of a scope is no other scope", () => {
  it.each(["small", "Small", "SMALL"])("%s draws on the one budget, on every operation of the wire", async (agent) => {
    const { authority, ask, reserve } = await start();
    expect((await reserve(agent, 101)).body["error"]).toBe("BUDGET_EXCEEDED");
    expect((await ask("/v1/decide", agent, 101)).body["decision"]).toBe("DENY");
    expect((await reserve(agent, 101, { dry_run: true })).body["decision"]).toBe("DENY");
    expect((await ask("/v1/events", agent, 101, { overage_policy: "REJECT" })).body["error"]).toBe("BUDGET_EXCEEDED");
    expect((await reserve(agent, 60)).body).toMatchObject({
      scope_path: "tenant:acme/agent:small",
      affected_scopes: ["tenant:acme", "tenant:acme/agent:small"],
    });
    expect((await authority.budgets.get({ scope: small, unit: "TOKENS" })).reserved).toBe(60n);
  });

  it("the in-process authority's requests find the same budget", async () => {
    const { authority } = await start();
    const port = authority.authority({ tenant, subject: { agent: "sMALL" } });
    const request = { estimate: tokens(101), action };
    await expect(port.reserve(request, { idempotencyKey: "k" })).rejects.toMatchObject({
      reasonCode: "BUDGET_EXCEEDED",
    });
  });

  it("an operator finds a budget under every spelling, and makes no second one of it", async () => {
    const { authority } = await start();
    const scope = { tenant, agent: "SMALL" };
    await expect(authority.budgets.create({ scope, allocated: tokens(9) })).rejects.toMatchObject({
      reason: "DUPLICATE_RESOURCE",
    });
    await authority.budgets.fund({ scope, amount: tokens(5) });
    expect(await authority.budgets.get({ scope: small, unit: "TOKENS" })).toMatchObject({
      allocated: 105n,
      scopePath: "tenant:acme/agent:small",
    });
    expect(await authority.budgets.list({ scope })).toHaveLength(1);
  });

  it("a repeated reserve in another spelling is a replay", async () => {
    const { reserve } = await start();
    const first = await reserve("small", 10, { idempotency_key: "same" });
    expect((await reserve("Small", 10, { idempotency_key: "same" })).body).toEqual(first.body);
  });

  it("a character beyond ASCII whose lower case is a letter names no scope", async () => {
    const { authority, reserve } = await start();
    await authority.budgets.create({ scope: { tenant, agent: "k" }, allocated: tokens(1) });
    expect((await reserve("k")).status).toBe(200);
    // U+212A, the Kelvin sign.
    expect((await reserve("\u212A")).status).toBe(400);
  });
});

describe("rules hold for every spelling", () => {
  it("rules of a policy, and a policy function", async () => {
    const deny = { reasonCode: "NOT_SMALL" };
    const rules = await start({ policy: [{ scope: "tenant:acme/agent:Small", deny }] });
    expect((await rules.reserve("sMall")).body["reason_code"]).toBe("NOT_SMALL");
    const asked = await start({ policy: ({ subject }) => (subject.agent === "small" ? { deny } : {}) });
    expect((await asked.reserve("sMall")).body["reason_code"]).toBe("NOT_SMALL");
  });

  it.each(["tenant:acme/agent:SMALL", "tenant:ACME/*", "agent:Small"])("an action policy of %s", async (pattern) => {
    const policy = { id: "none", scopePattern: pattern, deniedActionKinds: [action.kind] };
    const { reserve } = await start({ actionPolicies: [policy] });
    for (const agent of ["small", "Small"]) expect((await reserve(agent)).body["error"]).toBe("ACTION_KIND_DENIED");
  });

  it("a quota counts all spellings together, and its counter is found under each", async () => {
    const quota = { actionKind: action.kind, maxCalls: 2, window: "per_day_tumbling" } as const;
    const policy = { id: "two", scopePattern: "tenant:acme/agent:Small", actionQuotas: [quota] };
    const { reserve, governance } = await start({ actionPolicies: [policy] });
    expect([(await reserve("small")).status, (await reserve("Small")).status]).toEqual([200, 200]);
    expect((await reserve("SMALL")).body["error"]).toBe("ACTION_QUOTA_EXCEEDED");
    const { counters } = await governance.listActionQuotaCounters({ scope: "tenant:acme/agent:SM" }).first();
    expect(counters).toMatchObject([{ used: 2, scope: "tenant:acme/agent:small" }]);
    const [{ window_key = "" } = {}] = counters;
    const named = { tenant_id: tenant, action_kind: action.kind, window: quota.window, window_key };
    await governance.resetActionQuotaCounter({ ...named, scope: "tenant:acme/agent:Small" });
    expect((await reserve("SMALL")).status).toBe(200);
  });
});

describe("lists and filters find every spelling", () => {
  it("balances, reservations, ledgers and events", async () => {
    const { caller, reserve, governance } = await start();
    await reserve("SMALL");
    const { body } = await caller.get("/v1/balances?agent=Small");
    expect(body["balances"]).toMatchObject([{ scope_path: "tenant:acme/agent:small" }]);
    const listed = await caller.get("/v1/reservations?agent=small");
    // The subject stands as it was given, as at the reference server.
    expect(listed.body["reservations"]).toMatchObject([{ subject: { tenant, agent: "SMALL" } }]);
    const { balances } = await governance.getBudgetLedgers({ scope_prefix: "tenant:acme/agent:SMALL" }).first();
    expect(balances).toHaveLength(1);
    const { events } = await governance.listTenantEvents({ scope: "tenant:ACME/agent:Small" }).first();
    expect(events.map(({ event_type: type }) => type)).toEqual(["budget.created"]);
  });

  it("a webhook's scope filter", () => {
    const hook = { id: "h", url: "https://hook.example", secret: "whsec_for_tests", eventCategories: ["budget"] };
    const event = { event_id: "e", event_type: "budget.created", category: "budget", timestamp: "", source: "s" };
    const of = (scope: string): EmittedEvent => ({ ...event, tenant_id: tenant, scope });
    for (const scopeFilter of ["tenant:acme/agent:Small", "tenant:ACME/*"]) {
      const webhook = checkWebhook({ ...hook, scopeFilter }, { allowInsecureHttp: false, allowAddresses: [] });
      expect(webhook.receives(of("tenant:acme/agent:small"))).toBe(true);
      expect(webhook.receives(of("tenant:other"))).toBe(false);
    }
  });
});

describe("a store that was written when case told scopes apart", () => {
  const disk = async (): Promise<Map<string, string>> => {
    const store = new MapStore();
    const ledger = new Ledger({ clock: new FakeClock(), store });
    ledger.createBudget({ scope: small, allocated: tokens(100) });
    const subject = { tenant, agent: "Small" };
    ledger.reserve({ tenant, idempotencyKey: "k", subject, action, estimate: tokens(30), ttlMs: 60_000 });
    await ledger.close();
    return store.disk;
  };
  const asWritten = (text: string): string => text.replaceAll("agent:small", "agent:Small");

  it("opens with its budgets where requests find them, once and for all", async () => {
    const old = new Map(Array.from(await disk(), ([key, text]) => [asWritten(key), asWritten(text)] as const));
    expect([...old.keys()].join()).toContain("agent:Small");
    for (let opened = 0; opened < 2; opened += 1) {
      const ledger = new Ledger({ clock: new FakeClock(), store: new MapStore(old) });
      expect(ledger.getBudget({ scope: small, unit: "TOKENS" })).toMatchObject({ reserved: 30n, remaining: 70n });
      await ledger.close();
    }
    expect([...old.keys()].filter((key) => key.startsWith("budget/"))).toEqual([
      "budget/acme/tenant:acme/agent:small/TOKENS",
    ]);
  });

  it("is refused when it holds two budgets of what is one scope now", async () => {
    const now = await disk();
    const before = Array.from(now, ([key, text]) => [asWritten(key), asWritten(text)] as const);
    const both = new Map([...now, ...before.filter(([key]) => key.startsWith("budget/"))]);
    expect(() => new Ledger({ store: new MapStore(both) })).toThrow(LedgerUnavailableError);
  });
});
