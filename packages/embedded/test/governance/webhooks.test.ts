import { ConfigurationError } from "@imprest/core";
import { createWebhookHandler, verifyWebhook } from "@imprest/cycles";
import { CyclesGovernanceClient } from "@imprest/cycles/governance";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { LedgerRefusal, type Webhook, createEmbeddedAuthority } from "../../src/index.ts";
import { serve } from "../../src/node/index.ts";
import { type FakeClock, MapStore, WireCaller } from "../support.ts";
import { type GovernedAuthority, Receiver, adminKey, eventually, governed, secret, usd } from "./support.ts";

let receiver: Receiver;
let authority: GovernedAuthority;
let clock: FakeClock;

beforeEach(async () => {
  receiver = await Receiver.start();
  ({ authority, clock } = await governed());
});

afterEach(async () => {
  await authority.close();
  await receiver.close();
});

function hook(more: Partial<Webhook> = {}): Webhook {
  return { id: "hook", url: receiver.url, secret, eventCategories: ["budget"], ...more };
}

/** Makes one event: `budget.funded`. */
function fund(): Promise<unknown> {
  return authority.budgets.fund({ scope: { tenant: "acme" }, amount: usd(1n) });
}

/** A webhook's latest delivery. */
async function latest(id: string): Promise<{ readonly status?: string; readonly attempts?: number }> {
  const target = `/v1/admin/webhooks/${id}/deliveries?limit=1`;
  const { body } = await new WireCaller(authority, "").get(target, { "X-Admin-API-Key": adminKey });
  return (body["deliveries"] as { status: string; attempts: number }[])[0] ?? {};
}

async function consecutiveFailures(): Promise<number | undefined> {
  return (await authority.webhooks.list())[0]?.consecutiveFailures;
}

describe("a delivery", () => {
  it("is what verifyWebhook and the handler of @imprest/cycles accept, with the headers of the specification", async () => {
    await authority.webhooks.add(hook());
    await fund();
    await receiver.until(1);
    const [{ headers, body, event } = { headers: {}, body: "", event: { event_id: "", event_type: "" } }] =
      receiver.received;
    await verifyWebhook(body, headers["x-cycles-signature"] as string, secret);
    expect(headers).toMatchObject({
      "content-type": "application/json",
      "x-cycles-event-id": event.event_id,
      "x-cycles-event-type": "budget.funded",
      "x-cycles-trace-id": expect.stringMatching(/^[0-9a-f]{32}$/) as string,
      traceparent: expect.stringContaining(headers["x-cycles-trace-id"] as string) as string,
    });
    expect(event).toMatchObject({ tenant_id: "acme", data: { operation: "CREDIT", new_state: { allocated: 1_001 } } });
    const seen: string[] = [];
    const handle = createWebhookHandler({ secret, clock, onEvent: ({ event_type: type }) => void seen.push(type) });
    const request = { method: "POST", headers: headers as Record<string, string>, body };
    expect((await handle(new Request("http://here.test/", request))).status).toBe(204);
    expect(seen).toEqual(["budget.funded"]);
  });

  it("goes to whom it is for: by type, category, tenant and scope", async () => {
    await authority.webhooks.add(hook({ id: "types", eventCategories: [], eventTypes: ["budget.frozen"] }));
    await authority.webhooks.add(hook({ id: "scoped", scopeFilter: "tenant:acme/*" }));
    await authority.webhooks.add(hook({ id: "other", tenant: "other" }));
    await fund();
    await authority.budgets.create({ scope: { tenant: "acme", agent: "bot" }, allocated: usd(1n) });
    await authority.budgets.create({ scope: { tenant: "other" }, allocated: usd(1n) });
    await authority.budgets.freeze({ scope: { tenant: "acme" }, unit: "USD_MICROCENTS" });
    await receiver.until(3);
    expect(receiver.received.map(({ event }) => `${event.event_type} ${String(event["scope"])}`).toSorted()).toEqual([
      "budget.created tenant:acme/agent:bot",
      "budget.created tenant:other",
      "budget.frozen tenant:acme",
    ]);
  });

  it("comes in order, one at a time", async () => {
    let open = 0;
    let most = 0;
    receiver.answer = (response) => {
      open += 1;
      most = Math.max(most, open);
      setTimeout(() => {
        open -= 1;
        response.writeHead(200).end("ok");
      }, 5);
    };
    await authority.webhooks.add(hook());
    for (let at = 0; at < 8; at += 1) await fund();
    await receiver.until(8);
    const allocated = receiver.received.map(
      ({ event }) => (event["data"] as { new_state: { allocated: number } }).new_state.allocated,
    );
    expect(allocated).toEqual([1_001, 1_002, 1_003, 1_004, 1_005, 1_006, 1_007, 1_008]);
    expect(most).toBe(1);
  });
});

describe("a failed delivery", () => {
  it("is tried again by the policy, as the same event, until the receiver takes it", async () => {
    let failures = 3;
    receiver.answer = (response) => {
      failures -= 1;
      response.writeHead(failures >= 0 ? 500 : 200).end();
    };
    await authority.webhooks.add(hook({ retry: { initialDelayMs: 1_000, backoffMultiplier: 3, maxDelayMs: 5_000 } }));
    await fund();
    for (const [attempts, waitMs] of [
      [1, 1_000],
      [2, 3_000],
      [3, 5_000],
    ] as const) {
      await receiver.until(attempts);
      await eventually(async () => {
        const { status, attempts: made } = await latest("hook");
        return status === "RETRYING" && made === attempts;
      });
      clock.advance(waitMs - 1);
      await new Promise((resolve) => setTimeout(resolve, 20));
      expect(receiver.received).toHaveLength(attempts);
      clock.advance(1);
    }
    await receiver.until(4);
    expect(new Set(receiver.received.map(({ event }) => event.event_id)).size).toBe(1);
    await eventually(async () => (await consecutiveFailures()) === 0);
  });

  it.each([
    ["a redirect", (url: string) => ({ status: 302, headers: { location: url } })],
    ["a refusal", () => ({ status: 400, headers: {} })],
  ])("%s is one, and no other place is asked", async (_what, answering) => {
    const elsewhere = await Receiver.start();
    const { status, headers } = answering(elsewhere.url);
    receiver.answer = (response) => void response.writeHead(status, headers).end();
    await authority.webhooks.add(hook({ retry: { maxRetries: 0 } }));
    await fund();
    await eventually(async () => (await consecutiveFailures()) === 1);
    expect(elsewhere.received).toEqual([]);
    await elsewhere.close();
  });

  it("a receiver that never answers is given up at the timeout, and one that never stops is not read to the end", async () => {
    await authority.close();
    authority = createEmbeddedAuthority({ governance: { adminKeys: [adminKey], deliveryTimeoutMs: 100 } });
    await authority.budgets.create({ scope: { tenant: "acme" }, allocated: usd(1n) });
    receiver.answer = () => {};
    await authority.webhooks.add(hook({ retry: { maxRetries: 0 } }));
    await fund();
    await eventually(async () => (await consecutiveFailures()) === 1);
    receiver.answer = (response) => {
      response.writeHead(200);
      const timer = setInterval(() => response.write("x".repeat(65_536)), 1);
      response.on("close", () => clearInterval(timer));
    };
    await fund();
    await receiver.until(2);
    await eventually(async () => (await consecutiveFailures()) === 0);
  });

  it("too many in a row disable the webhook, say so, and drop what waits; resume begins anew", async () => {
    receiver.answer = (response) => void response.writeHead(503).end();
    const monitor = await Receiver.start();
    await authority.webhooks.add(
      hook({ id: "monitor", url: monitor.url, eventCategories: ["system", "webhook"], secret: "another-secret" }),
    );
    await authority.webhooks.add(hook({ retry: { maxRetries: 0 }, disableAfterFailures: 2 }));
    await fund();
    await fund();
    await fund();
    await monitor.until(5);
    expect(monitor.types.toSorted()).toEqual(
      [
        "system.webhook_delivery_failed",
        "system.webhook_delivery_failed",
        "webhook.created",
        "webhook.created",
        "webhook.disabled",
      ].toSorted(),
    );
    const disabled = monitor.received.find(({ event }) => event.event_type === "webhook.disabled")?.event;
    expect(disabled).toMatchObject({
      data: { previous_status: "ACTIVE", disable_reason: expect.any(String) as string },
    });
    expect(receiver.received.length).toBeLessThanOrEqual(3);
    expect(await authority.webhooks.list()).toMatchObject([{ id: "monitor" }, { id: "hook", status: "DISABLED" }]);
    const before = receiver.received.length;
    await fund();
    receiver.answer = (response) => void response.writeHead(204).end();
    await authority.webhooks.resume("hook");
    await fund();
    await receiver.until(before + 1);
    await eventually(async () => (await authority.webhooks.list())[1]?.consecutiveFailures === 0);
    expect(receiver.received).toHaveLength(before + 1);
    await monitor.close();
  });

  it("two webhooks that are away do not cause each other's events for ever", async () => {
    receiver.answer = (response) => void response.writeHead(500).end();
    const watching = { eventCategories: ["system", "budget"], retry: { maxRetries: 0 } };
    await authority.webhooks.add(hook({ id: "one", ...watching }));
    await authority.webhooks.add(hook({ id: "two", ...watching }));
    await fund();
    // Both fail to deliver the funding, both failures are sent to both, and there it ends.
    await receiver.until(6);
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(receiver.received).toHaveLength(6);
  });
});

describe("over the wire", () => {
  it("lists deliveries and replays a window, all of it or nothing", async () => {
    const server = await serve(authority, { port: 0 });
    const { key } = await authority.apiKeys.create({ tenant: "acme" });
    const client = new CyclesGovernanceClient({ baseUrl: server.url, apiKey: key, adminApiKey: adminKey });
    receiver.answer = (response) => void response.writeHead(500).end();
    await authority.webhooks.add(hook({ tenant: "acme", retry: { maxRetries: 0 } }));
    await authority.webhooks.add(hook({ id: "system", eventCategories: [], eventTypes: ["budget.closed"] }));
    await fund();
    await fund();
    await eventually(
      async () => (await client.listWebhookDeliveries("hook", { status: "FAILED" }).first()).deliveries.length === 2,
    );
    expect((await client.listTenantWebhookDeliveries("hook").first()).deliveries[0]).toMatchObject({
      subscription_id: "hook",
      event_type: "budget.funded",
      status: "FAILED",
      attempts: 1,
      response_status: 500,
      error_message: expect.stringContaining("500") as string,
    });
    await expect(client.listTenantWebhookDeliveries("system").first()).rejects.toMatchObject({ status: 404 });

    await expect(client.replayEvents("hook", { max_events: 1 })).rejects.toMatchObject({ status: 400 });
    let release = (): void => {};
    receiver.answer = (response) => void (release = (): void => void response.writeHead(204).end());
    const count = receiver.received.length;
    const replay = await client.replayEvents("hook", { event_types: ["budget.funded"] });
    expect(replay).toMatchObject({ events_queued: 2, replay_id: expect.any(String) as string });
    await receiver.until(count + 1);
    await expect(client.replayEvents("hook", {})).rejects.toMatchObject({
      status: 409,
      errorCode: "REPLAY_IN_PROGRESS",
    });
    release();
    receiver.answer = (response) => void response.writeHead(204).end();
    await receiver.until(count + 2);
    await eventually(
      async () => (await client.listWebhookDeliveries("hook", { status: "SUCCESS" }).first()).deliveries.length === 2,
    );
    await server.close();
  });
});

describe("what must not be", () => {
  it.each<[string, Partial<Webhook>]>([
    ["http: to another machine", { url: "http://example.com/hook" }],
    ["credentials in the URL", { url: "https://user:pass@example.com/" }],
    ["another scheme", { url: "file:///etc/passwd" }],
    ["no selector", { eventCategories: [] }],
    ["a secret that is none", { secret: "short" }],
    ["a tenant's webhook for the system's events", { tenant: "acme", eventCategories: ["api_key"] }],
    ["a tenant's webhook for the system's types", { tenant: "acme", eventTypes: ["webhook.created"] }],
    ["retries without end", { retry: { maxRetries: 11 } }],
    ["an id that is a path", { id: "../other" }],
  ])("%s is refused", async (_what, more) => {
    await expect(authority.webhooks.add(hook(more))).rejects.toBeInstanceOf(ConfigurationError);
    expect(await authority.webhooks.list()).toEqual([]);
  });

  it("the secret is nowhere to be read: not in the store, the list, an event or an error", async () => {
    const store = new MapStore();
    await authority.close();
    ({ authority } = await governed({ store }));
    await authority.webhooks.add(hook({ eventCategories: ["webhook", "budget"] }));
    await fund();
    await receiver.until(1);
    const twice = await authority.webhooks.add(hook()).catch((error: unknown) => error);
    expect(twice).toBeInstanceOf(LedgerRefusal);
    const shown = JSON.stringify([
      [...store.disk],
      await authority.webhooks.list(),
      receiver.received,
      twice,
      String(twice),
    ]);
    expect(shown).not.toContain(secret);
  });

  it("a paused webhook queues nothing; a removed one gets nothing", async () => {
    await authority.webhooks.add(hook());
    await authority.webhooks.pause("hook");
    await fund();
    await authority.webhooks.resume("hook");
    await authority.budgets.create({ scope: { tenant: "late" }, allocated: usd(1n) });
    await receiver.until(1);
    await authority.webhooks.remove("hook");
    await fund();
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(receiver.types).toEqual(["budget.created"]);
    const target = "/v1/admin/events?event_type=webhook.deleted";
    const { body } = await new WireCaller(authority, "").get(target, { "X-Admin-API-Key": adminKey });
    expect(body["events"]).toMatchObject([{ correlation_id: "webhook_delete:hook" }]);
    await expect(authority.webhooks.remove("hook")).rejects.toBeInstanceOf(LedgerRefusal);
  });
});

it("what was not delivered when the process ended is delivered by the next, once the webhook is added again", async () => {
  await authority.close();
  const disk = new Map<string, string>();
  ({ authority, clock } = await governed({ store: new MapStore(disk) }));
  receiver.answer = (response) => void response.writeHead(500).end();
  await authority.webhooks.add(hook());
  await fund();
  await receiver.until(1);
  await eventually(() => [...disk.values()].some((text) => text.includes("RETRYING")));
  const [first] = receiver.received;
  await authority.close();

  receiver.answer = (response) => void response.writeHead(204).end();
  clock.stall(60_000);
  const options = { clock, store: new MapStore(disk), governance: { adminKeys: [adminKey] } };
  authority = createEmbeddedAuthority(options);
  await authority.webhooks.add(hook());
  await receiver.until(2);
  expect(receiver.received[1]?.event.event_id).toBe(first?.event.event_id);
  expect(await authority.webhooks.list()).toMatchObject([{ id: "hook", status: "ACTIVE" }]);
});
