import { setTimeout as wait } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { StoreChange, Webhook } from "../../src/index.ts";
import { type FakeClock, MapStore, WireCaller } from "../support.ts";
import {
  type GovernedAuthority,
  Receiver,
  adminKey,
  eventually,
  governed,
  governedAgain,
  secret,
  usd,
} from "./support.ts";

// Cycles §Webhook delivery protocol: what is sent when, under which trace, and for how long it is remembered.

let receiver: Receiver;
let authority: GovernedAuthority;
let clock: FakeClock;
let key: string;

beforeEach(async () => {
  receiver = await Receiver.start();
  ({ authority, clock, key } = await governed());
});

afterEach(async () => {
  await authority.close();
  await receiver.close();
});

const hook = (more: Partial<Webhook> = {}): Webhook => ({
  id: "hook",
  url: receiver.url,
  secret,
  eventCategories: ["budget"],
  ...more,
});

/** Makes one event: `budget.funded`. */
const fund = (): Promise<unknown> => authority.budgets.fund({ scope: { tenant: "acme" }, amount: usd(1n) });

async function deliveries(query = ""): Promise<Readonly<Record<string, unknown>>[]> {
  const target = `/v1/admin/webhooks/hook/deliveries${query}`;
  const { body } = await new WireCaller(authority, "").get(target, { "X-Admin-API-Key": adminKey });
  return body["deliveries"] as Readonly<Record<string, unknown>>[];
}

const allocated = (): number[] =>
  receiver.received.map(({ event }) => (event["data"] as { new_state: { allocated: number } }).new_state.allocated);

/** A store whose writes take their batch at once, and end when they are let go. */
class SlowStore extends MapStore {
  readonly gates: (() => void)[] = [];
  isSlow = false;

  override async write(take: () => readonly StoreChange[]): Promise<void> {
    await Promise.resolve();
    for (const [entry, value] of take()) {
      if (value !== undefined) this.disk.set(entry, value);
    }
    if (!this.isSlow) return;
    await new Promise<void>((resolve) => {
      this.gates.push(resolve);
    });
  }
}

it("nothing is sent outside before it is durable, whatever else is being sent", async () => {
  await authority.close();
  const store = new SlowStore();
  ({ authority } = await governed({ store }));
  const answers: (() => void)[] = [];
  receiver.answer = (response) => void answers.push(() => response.writeHead(204).end());
  await authority.webhooks.add(hook());
  await fund();
  await receiver.until(1);
  store.isSlow = true;
  answers[0]?.();
  await eventually(() => store.gates.length === 1);
  const second = fund();
  store.gates[0]?.();
  await eventually(() => store.gates.length === 2);
  await wait(30);
  expect(receiver.received).toHaveLength(1);
  store.isSlow = false;
  store.gates[1]?.();
  await second;
  await receiver.until(2);
  answers[1]?.();
});

it("a denial is not answered before its event is durable", async () => {
  await authority.close();
  const store = new SlowStore();
  ({ authority, key } = await governed({ store }));
  store.isSlow = true;
  let answered = 0;
  const denied = new WireCaller(authority, key).post("/v1/reservations", {
    idempotency_key: "too-much",
    subject: { tenant: "acme" },
    action: { kind: "llm.completion", name: "it" },
    estimate: usd(5_000n),
  });
  const counted = denied.then(({ status }) => (answered = status));
  await eventually(() => store.gates.length === 1);
  await wait(20);
  expect(answered).toBe(0);
  store.isSlow = false;
  store.gates[0]?.();
  await counted;
  expect(answered).toBe(409);
  expect([...store.disk.values()].some((text) => text.includes("reservation.denied"))).toBe(true);
});

it("first attempts stay in the order of the events when the wall clock is set back", async () => {
  let answer: (() => void) | undefined;
  receiver.answer = (response) => {
    receiver.answer = (later) => void later.writeHead(204).end();
    answer = () => response.writeHead(204).end();
  };
  await authority.webhooks.add(hook());
  await fund();
  await receiver.until(1);
  await fund();
  clock.jump(-3_600_000);
  await fund();
  answer?.();
  await receiver.until(3);
  expect(allocated()).toEqual([1_001, 1_002, 1_003]);
});

describe("the trace of a delivery", () => {
  const traceId = "0af7651916cd43dd8448eb211c80319c";

  /** Crosses a threshold on behalf of a request. */
  async function reserve(headers: Record<string, string>): Promise<void> {
    const request = {
      idempotency_key: "one",
      subject: { tenant: "acme" },
      action: { kind: "llm.completion", name: "it" },
      estimate: usd(900n),
    };
    await new WireCaller(authority, key).post("/v1/reservations", request, headers);
    await receiver.until(1);
  }

  it.each([
    ["an unsampled traceparent", { traceparent: `00-${traceId}-b7ad6b7169203331-00` }, "00", true],
    ["a sampled traceparent", { traceparent: `00-${traceId}-b7ad6b7169203331-01` }, "01", true],
    ["X-Cycles-Trace-Id alone", { "X-Cycles-Trace-Id": traceId }, "01", false],
  ])("keeps the sampling that came with %s, in a span of its own", async (_what, headers, flags, inbound) => {
    await authority.webhooks.add(hook());
    await reserve(headers);
    const sent = String(receiver.received[0]?.headers["traceparent"]);
    expect(sent).toMatch(new RegExp(`^00-${traceId}-[0-9a-f]{16}-${flags}$`));
    expect(sent).not.toContain("b7ad6b7169203331");
    expect(receiver.received[0]?.headers["x-cycles-trace-id"]).toBe(traceId);
    await eventually(async () => (await deliveries("?status=SUCCESS")).length === 1);
    expect((await deliveries())[0]).toMatchObject({
      trace_id: traceId,
      trace_flags: flags,
      traceparent_inbound_valid: inbound,
    });
  });

  it("is one for all attempts of an operator's event, and stands in the list", async () => {
    receiver.answer = (response) => void response.writeHead(500).end();
    await authority.webhooks.add(hook({ retry: { maxRetries: 1, initialDelayMs: 100 } }));
    await fund();
    await eventually(async () => (await deliveries("?status=RETRYING")).length === 1);
    clock.advance(100);
    await receiver.until(2);
    const traces = new Set(receiver.received.map(({ headers }) => headers["x-cycles-trace-id"]));
    expect([...traces]).toEqual([(await deliveries())[0]?.["trace_id"]]);
  });

  it("goes on into the event of its failure", async () => {
    receiver.answer = (response) => void response.writeHead(500).end();
    await authority.webhooks.add(hook({ retry: { maxRetries: 0 } }));
    await reserve({ "X-Cycles-Trace-Id": traceId });
    const admin = new WireCaller(authority, "");
    const find = async (type: string): Promise<Readonly<Record<string, unknown>> | undefined> => {
      const target = `/v1/admin/events?event_type=${type}`;
      const { body } = await admin.get(target, { "X-Admin-API-Key": adminKey });
      return (body["events"] as Readonly<Record<string, unknown>>[])[0];
    };
    await eventually(async () => (await find("system.webhook_delivery_failed")) !== undefined);
    const crossed = await find("budget.threshold_crossed");
    const failed = await find("system.webhook_delivery_failed");
    expect(failed).toMatchObject({ trace_id: traceId, request_id: crossed?.["request_id"], actor: { type: "system" } });
  });
});

describe("an old delivery", () => {
  it("that waited for longer than a day is failed instead of sent", async () => {
    await authority.close();
    const disk = new Map<string, string>();
    ({ authority, clock } = await governed({ store: new MapStore(disk) }));
    receiver.answer = (response) => void response.writeHead(500).end();
    await authority.webhooks.add(hook());
    await fund();
    await eventually(() => [...disk.values()].some((text) => text.includes("RETRYING")));
    await authority.close();
    clock.stall(86_400_001);
    receiver.answer = (response) => void response.writeHead(204).end();
    authority = governedAgain(disk, clock);
    await authority.webhooks.add(hook());
    await eventually(async () => (await deliveries("?status=FAILED")).length === 1);
    await fund();
    await receiver.until(2);
    expect(allocated()).toEqual([1_001, 1_002]);
    expect(await authority.webhooks.list()).toMatchObject([{ status: "ACTIVE", consecutiveFailures: 0 }]);
  });

  it("is forgotten after 14 days, on the disk too", async () => {
    await authority.close();
    const disk = new Map<string, string>();
    ({ authority, clock } = await governed({ store: new MapStore(disk) }));
    await authority.webhooks.add(hook());
    await fund();
    await eventually(async () => (await deliveries("?status=SUCCESS")).length === 1);
    await authority.close();
    clock.stall(14 * 86_400_000 + 1);
    authority = governedAgain(disk, clock);
    await authority.webhooks.add(hook());
    expect(await deliveries()).toEqual([]);
    expect([...disk.keys()].filter((entry) => entry.startsWith("delivery/"))).toEqual([]);
  });

  it("is forgotten with its webhook, on the disk too", async () => {
    await authority.close();
    const disk = new Map<string, string>();
    ({ authority, clock } = await governed({ store: new MapStore(disk) }));
    await authority.webhooks.add(hook());
    await fund();
    await eventually(async () => (await deliveries("?status=SUCCESS")).length === 1);
    await authority.webhooks.remove("hook");
    expect([...disk.keys()].filter((entry) => entry.startsWith("delivery/"))).toEqual([]);
  });
});
