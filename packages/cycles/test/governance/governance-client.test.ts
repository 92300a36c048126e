import { describe, expect, it } from "vitest";
import { ConfigurationError, ResponseFormatError, ValidationError } from "@imprest/core";
import { CyclesClient, CyclesError, InvalidRequestError, metadataOf } from "@imprest/cycles";
import { CyclesGovernanceClient } from "@imprest/cycles/governance";
import { serveStub } from "../support/msw-authority.ts";
import { type Received, type WrittenAnswer, refusal, withAdditions } from "../support/stub-authority.ts";

const event = {
  event_id: "evt_1",
  event_type: "budget.exhausted",
  category: "budget",
  timestamp: "2026-01-31T00:00:00Z",
  tenant_id: "acme",
  source: "cycles-server",
  actor: { type: "admin_on_behalf_of", key_id: "key_1" },
  data: { scope: "tenant:acme", remaining: 0 },
};
const delivery = {
  delivery_id: "del_1",
  subscription_id: "sub_1",
  event_id: "evt_1",
  status: "RETRYING",
  attempted_at: "2026-01-31T00:00:00Z",
  attempts: 2,
};
const usd = (amount: unknown): object => ({ unit: "USD_MICROCENTS", amount });
const capabilities = { view_overview: true, view_budgets: true, manage_webhooks: false };

async function governance(
  answer: (request: Received, count: number) => WrittenAnswer,
): Promise<{ client: CyclesGovernanceClient; received: readonly Received[] }> {
  const { at, received } = serveStub(answer);
  const client = new CyclesGovernanceClient({ ...at, apiKey: "tenant-key", adminApiKey: "admin-key" });
  return { client, received };
}

async function all<Item>(items: AsyncIterable<Item>): Promise<Item[]> {
  const found: Item[] = [];
  for await (const item of items) found.push(item);
  return found;
}

describe("CyclesGovernanceClient", () => {
  it("sends each operation to its path, under the key of its plane, and nothing under both", async () => {
    const { client, received } = await governance(({ method, path }) => {
      if (path.startsWith("/v1/auth")) {
        const body = { authenticated: true, auth_type: "tenant", permissions: ["events:read"], capabilities };
        return { body: { ...body, tenant_id: "acme" } };
      }
      if (method === "POST") return { status: 202, body: { replay_id: "rep_1", events_queued: 3 } };
      if (path.includes("/deliveries")) return { body: { deliveries: [delivery], has_more: false } };
      if (path.includes("/events/")) return { body: event };
      if (path.includes("/events")) return { body: { events: [event], has_more: false } };
      return { body: { balances: [], has_more: false } };
    });
    expect(await client.introspect()).toMatchObject({ tenant_id: "acme", capabilities });
    expect(await all(client.listTenantEvents({ category: "budget", limit: 100 }))).toEqual([event]);
    expect(await all(client.listEvents({ tenant_id: "acme", search: "a b&c", sort_by: "timestamp" }))).toEqual([event]);
    expect(await client.getEvent("evt/1?x=#")).toEqual(event);
    expect(await all(client.listWebhookDeliveries("sub_1", { status: "RETRYING" }))).toEqual([delivery]);
    expect(await all(client.listTenantWebhookDeliveries("sub_1"))).toEqual([delivery]);
    const replay = await client.replayEvents("sub_1", { from: "2026-01-30T00:00:00Z", max_events: 1000 });
    expect(replay).toEqual({ replay_id: "rep_1", events_queued: 3 });
    expect(metadataOf(replay)?.requestId).toBe("req_1");
    expect(await all(client.getBudgetLedgers({ tenant_id: "acme", scope_prefix: "tenant:acme/" }))).toEqual([]);

    const sent = received.map(({ method, path, headers }) => [
      `${method} ${path}`,
      headers["x-cycles-api-key"] ?? headers["x-admin-api-key"],
    ]);
    expect(sent).toEqual([
      ["GET /v1/auth/introspect", "tenant-key"],
      ["GET /v1/events?category=budget&limit=100", "tenant-key"],
      ["GET /v1/admin/events?tenant_id=acme&search=a+b%26c&sort_by=timestamp", "admin-key"],
      ["GET /v1/admin/events/evt%2F1%3Fx%3D%23", "admin-key"],
      ["GET /v1/admin/webhooks/sub_1/deliveries?status=RETRYING", "admin-key"],
      ["GET /v1/webhooks/sub_1/deliveries", "tenant-key"],
      ["POST /v1/admin/webhooks/sub_1/replay", "admin-key"],
      ["GET /v1/balances?tenant_id=acme&scope_prefix=tenant%3Aacme%2F", "tenant-key"],
    ]);
    for (const { headers } of received) {
      expect("x-cycles-api-key" in headers && "x-admin-api-key" in headers).toBe(false);
      expect(headers["traceparent"]).toMatch(/^00-[0-9a-f]{32}-[0-9a-f]{16}-0[01]$/);
    }
  });

  it("two origins: the runtime client and the governance client share nothing but what they are given", async () => {
    const runtime = serveStub(() => ({ body: { balances: [], has_more: false } }));
    const { client, received } = await governance(() => ({ body: { balances: [], has_more: false } }));
    await new CyclesClient({ ...runtime.at, apiKey: "runtime-key" }).getBalances({ tenant: "acme" }).first();
    await client.getBudgetLedgers({ tenant_id: "acme" }).first();
    expect(runtime.received.map(({ path }) => path)).toEqual(["/v1/balances?tenant=acme"]);
    expect(received.map(({ path }) => path)).toEqual(["/v1/balances?tenant_id=acme"]);
  });

  it("introspect reads 401 and 403 as no surface, and nothing else so", async () => {
    let [last, code] = [403, "FORBIDDEN"];
    const { client, received } = await governance((_request, count) =>
      count === 1 ? refusal(401, "UNAUTHORIZED") : count === 2 ? { status: 401, text: "" } : refusal(last, code),
    );
    expect(await client.introspect()).toBeUndefined();
    expect(await client.introspect({ as: "admin" })).toBeUndefined();
    // As the reference server answers a key that it does not know.
    expect(await client.introspect()).toBeUndefined();
    [last, code] = [400, "INVALID_REQUEST"];
    await expect(client.introspect()).rejects.toBeInstanceOf(CyclesError);
    const sent = received.map(({ headers }) => headers["x-admin-api-key"]);
    expect(sent).toEqual([undefined, "admin-key", undefined, undefined]);
  });

  it("a key that is missing is named before anything is sent", async () => {
    expect(() => new CyclesGovernanceClient({ baseUrl: "https://a.example" })).toThrow(ConfigurationError);
    const admin = new CyclesGovernanceClient({ baseUrl: "https://a.example", adminApiKey: "admin-key" });
    expect(() => admin.listTenantEvents()).toThrow(/apiKey/);
    const tenant = new CyclesGovernanceClient({ baseUrl: "https://a.example", apiKey: "tenant-key" });
    await expect(tenant.getEvent("evt_1")).rejects.toThrow(/adminApiKey/);
    expect(JSON.stringify([admin, tenant])).not.toMatch(/admin-key|tenant-key/);
  });

  it("a replay is sent once whatever comes of it, without an idempotency key: it is not idempotent", async () => {
    const { client, received } = await governance((_request, count) =>
      count === 1
        ? refusal(500, "INTERNAL_ERROR")
        : count === 2
          ? refusal(409, "REPLAY_IN_PROGRESS")
          : refusal(400, "INVALID_REQUEST"),
    );
    await expect(client.replayEvents("sub_1", {})).rejects.toMatchObject({ errorCode: "INTERNAL_ERROR" });
    await expect(client.replayEvents("sub_1", {})).rejects.toMatchObject({
      errorCode: "REPLAY_IN_PROGRESS",
      status: 409,
    });
    await expect(client.replayEvents("sub_1", {})).rejects.toBeInstanceOf(InvalidRequestError);
    expect(received).toHaveLength(3);
    expect(received.every(({ headers }) => !("x-idempotency-key" in headers))).toBe(true);
  });

  it("additive members, unknown codes and the largest int64 change nothing", async () => {
    const ledger = {
      ledger_id: "led_1",
      scope: "tenant:acme",
      unit: "USD_MICROCENTS",
      allocated: usd("@max"),
      remaining: usd(-5),
      status: "LATER_STATUS",
      created_at: "2026-01-01T00:00:00Z",
    };
    const text = JSON.stringify(withAdditions({ balances: [ledger], has_more: false }));
    const { client } = await governance((_request, count) =>
      count === 1 ? { text: text.replaceAll('"@max"', "9223372036854775807") } : refusal(409, "LATER_CODE"),
    );
    const [found] = await all(client.getBudgetLedgers());
    expect(found).toMatchObject({ allocated: { amount: 9223372036854775807n }, remaining: { amount: -5n } });
    const error: unknown = await client.getEvent("evt_1").catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(CyclesError);
    expect(error).toMatchObject({ errorCode: "LATER_CODE" });
  });

  it("keeps the filter through the pages, and ends a list whose cursor comes again", async () => {
    const { client, received } = await governance((_request, count) => ({
      body: {
        events: [{ ...event, event_id: `evt_${count}` }],
        has_more: true,
        next_cursor: count > 2 ? "c2" : `c${count}`,
      },
    }));
    await expect(all(client.listEvents({ tenant_id: "acme" }))).rejects.toBeInstanceOf(ResponseFormatError);
    expect(received.map(({ path }) => path)).toEqual([
      "/v1/admin/events?tenant_id=acme",
      "/v1/admin/events?tenant_id=acme&cursor=c1",
      "/v1/admin/events?tenant_id=acme&cursor=c2",
    ]);
  });

  it.each<[string, (client: CyclesGovernanceClient) => unknown]>([
    [
      "a window the wrong way round",
      (client: CyclesGovernanceClient) =>
        client.replayEvents("s", { from: "2026-02-01T00:00:00Z", to: "2026-01-01T00:00:00Z" }),
    ],
    ["too many events", (client: CyclesGovernanceClient) => client.replayEvents("s", { max_events: 1001 })],
    ["a day without a time", (client: CyclesGovernanceClient) => client.listEvents({ from: "2026-01-01" })],
    [
      "a member that does not exist",
      (client: CyclesGovernanceClient) => client.listEvents({ tenant: "acme" } as object),
    ],
    ["a limit of 101", (client: CyclesGovernanceClient) => client.listTenantEvents({ limit: 101 })],
    ["an id that is a path", (client: CyclesGovernanceClient) => client.getEvent("..")],
    ["an empty id", (client: CyclesGovernanceClient) => client.listWebhookDeliveries("")],
  ])("refuses %s before anything is sent", async (_name, call) => {
    const { client, received } = await governance(() => ({}));
    await expect((async () => call(client))()).rejects.toBeInstanceOf(ValidationError);
    expect(received).toEqual([]);
  });
});
