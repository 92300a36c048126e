import { NotFoundError, UnauthorizedError } from "@imprest/cycles";
import { CyclesGovernanceClient } from "@imprest/cycles/governance";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type EmbeddedServer, serve } from "../../src/node/index.ts";
import { type FakeClock, MapStore, WireCaller } from "../support.ts";
import { type GovernedAuthority, adminKey, governed, usd } from "./support.ts";

// Cycles governance, the operations that every server has, asked by our own client over a socket.

let authority: GovernedAuthority;
let server: EmbeddedServer;
let caller: WireCaller;
let clock: FakeClock;
let client: CyclesGovernanceClient;
let ids = 0;

beforeEach(async () => {
  const started = await governed({
    actionPolicies: [
      {
        id: "mail",
        scopePattern: "tenant:acme",
        actionQuotas: [{ actionKind: "message.email.send", maxCalls: 2, window: "per_day_tumbling" }],
      },
    ],
  });
  ({ authority, clock } = started);
  server = await serve(authority, { port: 0 });
  caller = new WireCaller(authority, started.key);
  client = new CyclesGovernanceClient({ baseUrl: server.url, apiKey: started.key, adminApiKey: adminKey });
});

afterEach(async () => {
  await server.close();
  await authority.close();
});

async function reserve(amount: bigint, kind = "llm.completion", more: object = {}): Promise<string> {
  ids += 1;
  const { body } = await caller.post("/v1/reservations", {
    idempotency_key: `key-${ids}`,
    subject: { tenant: "acme" },
    action: { kind, name: "it" },
    estimate: usd(amount),
    ...more,
  });
  return String(body["reservation_id"]);
}

async function all<Item>(list: AsyncIterable<Item>): Promise<Item[]> {
  const items: Item[] = [];
  for await (const item of list) items.push(item);
  return items;
}

describe("introspectAuth", () => {
  it("answers an administrator everything and a tenant what its key may do", async () => {
    const admin = await client.introspect({ as: "admin" });
    expect(admin).toMatchObject({ authenticated: true, auth_type: "admin", permissions: ["*"] });
    expect(Object.values(admin?.capabilities ?? {})).not.toContain(false);
    expect(admin).not.toHaveProperty("tenant_id");
    const tenant = await client.introspect({ as: "tenant" });
    expect(tenant).toMatchObject({ auth_type: "tenant", tenant_id: "acme", capabilities: { view_events: true } });
    // These stay false for a tenant, whatever its permissions (§ADMIN-PLANE CAPABILITIES).
    for (const name of ["view_tenants", "view_api_keys", "view_audit", "view_overview", "manage_tenants"]) {
      expect(tenant?.capabilities[name]).toBe(false);
    }
  });

  it("is 401 for an unknown key, which the client takes for no surface at all", async () => {
    const stranger = new CyclesGovernanceClient({ baseUrl: server.url, adminApiKey: "not-the-admin-key-at-all" });
    expect(await stranger.introspect()).toBeUndefined();
    await expect(stranger.listEvents().first()).rejects.toBeInstanceOf(UnauthorizedError);
  });
});

describe("events", () => {
  it("lists what the ledger did, with the ids of the request that did it", async () => {
    await reserve(900n);
    const { body, headers } = await caller.post("/v1/reservations", {
      idempotency_key: "too-much",
      subject: { tenant: "acme" },
      action: { kind: "llm.completion", name: "it" },
      estimate: usd(500n),
    });
    expect(body["error"]).toBe("BUDGET_EXCEEDED");
    const [denied, crossed] = await all(client.listTenantEvents());
    expect(denied).toMatchObject({
      event_type: "reservation.denied",
      category: "reservation",
      tenant_id: "acme",
      scope: "tenant:acme",
      actor: { type: "api_key" },
      request_id: headers.get("x-request-id"),
      trace_id: headers.get("x-cycles-trace-id"),
      data: { reason_code: "BUDGET_EXCEEDED", unit: "USD_MICROCENTS" },
    });
    expect(crossed).toMatchObject({
      event_type: "budget.threshold_crossed",
      data: { threshold: 0.8, direction: "rising", utilization: 0.9 },
    });
  });

  it("emits a decide that was denied, once however often it is asked, and no dry run", async () => {
    const question = {
      idempotency_key: "asked",
      subject: { tenant: "acme" },
      action: { kind: "llm.completion", name: "it" },
      estimate: usd(5_000n),
    };
    for (const _time of [1, 2]) {
      expect((await caller.post("/v1/decide", question)).body["decision"]).toBe("DENY");
    }
    await caller.post("/v1/reservations", { ...question, idempotency_key: "dry", dry_run: true });
    expect(await all(client.listTenantEvents({ event_type: "reservation.denied" }))).toMatchObject([
      { data: { reason_code: "BUDGET_EXCEEDED", requested_amount: 5_000, deny_detail: { budget_remaining: 1_000 } } },
    ]);
  });

  it("crosses a threshold once each way, exhausts, overruns and makes debt", async () => {
    const first = await reserve(960n, "llm.completion", { overage_policy: "ALLOW_WITH_OVERDRAFT" });
    await caller.post(`/v1/reservations/${first}/release`, { idempotency_key: "back" });
    const second = await reserve(1_000n, "llm.completion", { overage_policy: "ALLOW_WITH_OVERDRAFT" });
    await caller.post(`/v1/reservations/${second}/commit`, { idempotency_key: "over", actual: usd(1_050n) });
    await authority.budgets.repayDebt({ scope: { tenant: "acme" }, amount: usd(50n) });
    const events = await all(client.listEvents({ tenant_id: "acme", sort_dir: "asc" }));
    const told = events.map(({ event_type: type, data }) =>
      [type, data?.["threshold"], data?.["direction"]].join(" ").trim(),
    );
    expect(told).toEqual([
      "tenant.created",
      "budget.created",
      "api_key.created",
      "budget.threshold_crossed 0.95 rising",
      "budget.threshold_crossed 0.8 falling",
      "budget.threshold_crossed 1 rising",
      "budget.exhausted 1 rising",
      "reservation.commit_overage",
      "budget.debt_incurred",
      "budget.debt_repaid",
    ]);
    const overage = events.find(({ event_type: type }) => type === "reservation.commit_overage");
    const debt = events.find(({ event_type: type }) => type === "budget.debt_incurred");
    expect(overage?.data).toMatchObject({ overage: 50, debt_incurred: 50, reservation_id: second });
    expect(debt).toMatchObject({
      correlation_id: overage?.correlation_id,
      data: { total_debt: 50, overdraft_limit: 100 },
    });
  });

  it("an expiry that another tenant's request finds is nobody's doing, and names nothing of that request", async () => {
    const { key } = await authority.apiKeys.create({ tenant: "stranger" });
    await reserve(900n, "llm.completion", { ttl_ms: 1_000, grace_period_ms: 0 });
    clock.stall(2_000);
    expect((await new WireCaller(authority, key).get("/v1/reservations")).status).toBe(200);
    const events = await all(client.listTenantEvents());
    const [expired] = events.filter(({ event_type: type }) => type === "reservation.expired");
    const [fell] = events.filter(({ data }) => data?.["direction"] === "falling");
    for (const event of [expired, fell]) {
      expect(event?.actor).toEqual({ type: "system" });
      expect(event).not.toHaveProperty("request_id");
      expect(event).not.toHaveProperty("trace_id");
    }
  });

  it("filters, searches, sorts and pages: every page whole, nothing twice", async () => {
    for (let at = 0; at < 7; at += 1)
      await authority.budgets.create({ scope: { tenant: "acme", agent: `bot-${at}` }, allocated: usd(1n) });
    const pages = [];
    for await (const page of client.listEvents({ category: "budget", limit: 3 }).pages())
      pages.push(page.events.length);
    expect(pages).toEqual([3, 3, 2]);
    const found = await all(client.listEvents({ search: "AGENT:BOT-3" }));
    expect(found.map(({ scope }) => scope)).toEqual(["tenant:acme/agent:bot-3"]);
    expect(await all(client.listEvents({ scope: "tenant:acme/agent:" }))).toHaveLength(7);
    const sorted = await all(client.listEvents({ sort_by: "scope", sort_dir: "asc", category: "budget" }));
    const scopes = sorted.map(({ scope = "" }) => scope);
    expect(scopes).toEqual(scopes.toSorted());
    expect(new Set(scopes).size).toBe(8);
    expect(await all(client.listEvents({ from: "2030-01-01T00:00:00Z" }))).toEqual([]);
  });

  it("shows a tenant only its own, and only what is a tenant's to see", async () => {
    await authority.budgets.create({ scope: { tenant: "other" }, allocated: usd(1n) });
    const own = await all(client.listTenantEvents());
    expect(new Set(own.map(({ tenant_id: tenant }) => tenant))).toEqual(new Set(["acme"]));
    expect(own.map(({ category }) => category)).not.toContain("api_key");
    expect(await all(client.listEvents({ category: "api_key" }))).toHaveLength(1);
  });

  it("gives one event by its id, and 404 for another", async () => {
    const [event] = await all(client.listEvents({ limit: 1 }));
    expect(await client.getEvent(event?.event_id ?? "")).toEqual(event);
    await expect(client.getEvent("evt_none")).rejects.toMatchObject({ status: 404, errorCode: "EVENT_NOT_FOUND" });
  });

  it("a closed tenant emits all that closed with it under one correlation id", async () => {
    await reserve(10n);
    await authority.tenants.close("acme");
    const [closed] = await all(client.listEvents({ event_type: "tenant.closed" }));
    const cascade = await all(client.listEvents({ correlation_id: closed?.correlation_id ?? "" }));
    expect(cascade.map(({ event_type: type }) => type).toSorted()).toEqual([
      "api_key.revoked_via_tenant_cascade",
      "budget.closed_via_tenant_cascade",
      "reservation.released_via_tenant_cascade",
      "tenant.closed",
    ]);
  });
});

describe("budget ledgers and quota counters", () => {
  it("shows budgets in the governance plane's words on the runtime plane's path", async () => {
    await reserve(10n);
    const [ledger] = await all(client.getBudgetLedgers());
    expect(ledger).toMatchObject({ scope: "tenant:acme", reserved: usd(10n), remaining: usd(990n), status: "ACTIVE" });
    expect(await all(client.getBudgetLedgers({ scope_prefix: "tenant:other" }))).toEqual([]);
    await expect(client.getBudgetLedgers({ tenant_id: "other" }).first()).rejects.toMatchObject({ status: 403 });
    // The runtime plane's own query is answered as ever.
    expect((await caller.get("/v1/balances?tenant=acme")).body["balances"]).toMatchObject([{ scope: "tenant:acme" }]);
  });

  it("lists counters, and begins one anew for an incident", async () => {
    await reserve(1n, "message.email.send");
    await reserve(1n, "message.email.send");
    const [counter] = await all(client.listActionQuotaCounters({ tenant_id: "acme" }, { as: "admin" }));
    expect(counter).toMatchObject({
      action_kind: "message.email.send",
      used: 2,
      limit: 2,
      remaining: 0,
      policy_id: "mail",
    });
    expect(
      (
        await caller.post("/v1/reservations", {
          idempotency_key: "third",
          subject: { tenant: "acme" },
          action: { kind: "message.email.send", name: "it" },
          estimate: usd(1n),
        })
      ).body["error"],
    ).toBe("ACTION_QUOTA_EXCEEDED");
    const { scope = "", window = "", window_key = "", action_kind = "" } = counter ?? {};
    const exact = { tenant_id: "acme", scope, window, window_key, action_kind, reason: "a stuck agent" };
    const wrong = { ...exact, window_key: "1999-01-01" };
    await expect(client.resetActionQuotaCounter(wrong)).rejects.toBeInstanceOf(NotFoundError);
    expect(await client.resetActionQuotaCounter(exact)).toMatchObject({ previous_used: 2, counter: { used: 0 } });
    expect(await all(client.listActionQuotaCounters())).toEqual([]);
    expect(await all(client.listActionQuotaCounters({ include_zero: true }))).toMatchObject([{ used: 0 }]);
    const [told] = await all(client.listEvents({ event_type: "quota.counter_reset" }));
    expect(told).toMatchObject({ actor: { type: "admin" }, data: { previous_used: 2, reason: "a stuck agent" } });
    const [approaching] = await all(client.listEvents({ event_type: "quota.threshold_approaching" }));
    expect(told?.correlation_id).toMatch(/^quota:[0-9a-f]{32}$/);
    expect(told?.correlation_id).toBe(approaching?.correlation_id);
    const ownerless = { ...exact, tenant_id: undefined };
    const { body } = await caller.post("/v1/admin/action-quota-counters/reset", ownerless, {
      "X-Admin-API-Key": adminKey,
    });
    expect(body).toMatchObject({ error: "INVALID_REQUEST", message: "missing_required_field: tenant_id" });
    expect(await reserve(1n, "message.email.send")).toMatch(/^rsv_/);
  });

  it("an administrator must name the tenant whose counters are asked for", async () => {
    await expect(client.listActionQuotaCounters({}, { as: "admin" }).first()).rejects.toMatchObject({ status: 400 });
  });
});

describe("hostile calls", () => {
  it.each([
    ["GET", "/v1/admin/events", 401],
    ["GET", "/v1/admin/webhooks/x/deliveries", 401],
    ["POST", "/v1/admin/action-quota-counters/reset", 401],
    ["DELETE", "/v1/admin/events", 405],
    ["GET", "/v1/webhooks/x/deliveries", 404],
    ["GET", "/v1/events?limit=1000", 400],
    ["GET", "/v1/events?cursor=nonsense", 400],
    ["GET", "/v1/events?from=yesterday", 400],
  ])("%s %s under a tenant's key: %i", async (method, target, status) => {
    const answer = await caller.send(method, target, method === "POST" ? "{}" : undefined);
    expect(answer.status).toBe(status);
  });

  it("without the option there is no governance plane", async () => {
    const { authority: plain, key } = await governed();
    await plain.close();
    const { createEmbeddedAuthority } = await import("../../src/index.ts");
    const bare = createEmbeddedAuthority();
    await bare.apiKeys.create({ tenant: "acme", key });
    const asked = new WireCaller(bare, key);
    expect((await asked.get("/v1/admin/events", { "X-Admin-API-Key": adminKey })).status).toBe(404);
    expect((await asked.get("/v1/events")).status).toBe(405);
    await bare.close();
  });
});

it("events outlive the process with the ledger, the same ones in the same order", async () => {
  const disk = new Map<string, string>();
  const first = await governed({ store: new MapStore(disk) });
  await first.authority.budgets.fund({ scope: { tenant: "acme" }, amount: usd(5n) });
  await first.authority.close();
  const { createEmbeddedAuthority } = await import("../../src/index.ts");
  const second = createEmbeddedAuthority({
    clock: first.clock,
    store: new MapStore(disk),
    governance: { adminKeys: [adminKey] },
  });
  const { body } = await new WireCaller(second, first.key).get("/v1/admin/events", { "X-Admin-API-Key": adminKey });
  const types = (body["events"] as { event_type: string }[]).map(({ event_type: type }) => type);
  expect(types).toEqual(["budget.funded", "api_key.created", "budget.created", "tenant.created"]);
  await second.close();
});
