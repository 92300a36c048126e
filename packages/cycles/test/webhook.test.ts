import { createHmac } from "node:crypto";
import { describe, expect, it } from "vitest";
import { ConfigurationError, VerificationError } from "@imprest/core";
import { Secret, createDeferred } from "@imprest/core/internal";
import type { EmittedEvent } from "@imprest/core/models/cycles";
import { type WebhookHandlerOptions, createWebhookHandler, memorySeenEvents, verifyWebhook } from "@imprest/cycles";

const secret = "whsec_test";
const vector = "sha256=a251e833b6e26037be9caf784d5126acaa226296487424ad0c0a122d52457a60";
const sign = (body: string | Uint8Array): string => `sha256=${createHmac("sha256", secret).update(body).digest("hex")}`;

describe("verifyWebhook", () => {
  it("takes the published vector, as text, as bytes and with a held secret", async () => {
    const body = '{"event_id":"evt_1"}';
    await verifyWebhook(body, vector, secret);
    await verifyWebhook(new TextEncoder().encode(body), vector, new Secret(secret));
  });

  it("is over the raw bytes, not over what they mean", async () => {
    await expect(verifyWebhook('{"event_id": "evt_1"}', vector, secret)).rejects.toMatchObject({
      reason: "signature_mismatch",
    });
    const bytes = Uint8Array.of(0xff, 0xfe, 0);
    await verifyWebhook(bytes, sign(bytes), secret);
  });

  it.each([
    [undefined, "signature_missing"],
    [null, "signature_missing"],
    ["", "signature_missing"],
    ["a251e833", "signature_malformed"],
    [vector.toUpperCase(), "signature_malformed"],
    [vector.replace("sha256=", "sha256=" + "A".repeat(2)), "signature_malformed"],
    [`${vector}, ${vector}`, "signature_malformed"],
    [vector.replace("sha256", "sha1"), "signature_malformed"],
    [vector.slice(0, -1), "signature_malformed"],
    [`${vector.slice(0, -1)}1`, "signature_mismatch"],
  ])("fails closed on the signature %j", async (signature, reason) => {
    const error: unknown = await verifyWebhook('{"event_id":"evt_1"}', signature, secret).catch(
      (thrown: unknown) => thrown,
    );
    expect(error).toBeInstanceOf(VerificationError);
    expect(error).toMatchObject({ reason });
  });

  it("fails closed on another secret, and on none", async () => {
    await expect(verifyWebhook("{}", sign("{}"), "whsec_other")).rejects.toMatchObject({
      reason: "signature_mismatch",
    });
    await expect(verifyWebhook("{}", sign("{}"), "")).rejects.toMatchObject({ reason: "secret_missing" });
  });
});

const event = {
  event_id: "evt_1",
  event_type: "budget.exhausted",
  category: "budget",
  timestamp: new Date().toISOString(),
  tenant_id: "acme",
  source: "cycles-server",
  data: { remaining: 0 },
  added_later: true,
};

function delivery(body: unknown, headers: Record<string, string> = {}, method = "POST"): Request {
  const text = typeof body === "string" ? body : JSON.stringify(body);
  const init = method === "POST" ? { method, body: text } : { method };
  return new Request("https://app.example/hooks", {
    ...init,
    headers: { "x-cycles-signature": sign(text), ...headers },
  });
}

function receiving(options: Partial<WebhookHandlerOptions> = {}): {
  events: EmittedEvent[];
  post: (request: Request) => Promise<number>;
} {
  const events: EmittedEvent[] = [];
  const handler = createWebhookHandler({ secret, onEvent: (received) => void events.push(received), ...options });
  return { events, post: async (request) => (await handler(request)).status };
}

describe("createWebhookHandler", () => {
  it("hands out a signed event, additions kept, and answers 204", async () => {
    const { events, post } = receiving();
    expect(await post(delivery(event))).toBe(204);
    expect(events).toEqual([event]);
  });

  it("refuses an event that was signed longer ago than it may be, whatever the memory has forgotten", async () => {
    const timestamp = new Date(Date.now() - 3 * 86_400_000 - 1_000).toISOString();
    const old = receiving();
    expect(await old.post(delivery({ ...event, timestamp }))).toBe(401);
    expect(old.events).toEqual([]);
    const patient = receiving({ maxAgeMs: 4 * 86_400_000 });
    expect(await patient.post(delivery({ ...event, timestamp }))).toBe(204);
    expect(await patient.post(delivery({ ...event, event_id: "evt_2", timestamp: "yesterday" }))).toBe(400);
  });

  it("the same event is dealt with once, one after another and at once", async () => {
    const { events, post } = receiving();
    const statuses = await Promise.all([post(delivery(event)), post(delivery(event)), post(delivery(event))]);
    statuses.push(await post(delivery(event)));
    expect(statuses).toEqual([204, 204, 204, 204]);
    expect(events).toHaveLength(1);
  });

  it("an event that could not be dealt with comes again, its parallel repetitions included", async () => {
    const gate = createDeferred<void>();
    let calls = 0;
    const onEvent = async (): Promise<void> => {
      calls += 1;
      if (calls > 1) return;
      await gate.promise;
      throw new Error("database is down");
    };
    const { post } = receiving({ onEvent });
    const both = Promise.all([post(delivery(event)), post(delivery(event))]);
    // Long enough for the second to be verified, too; the first waits at the gate.
    await new Promise((resolve) => void setTimeout(resolve, 50));
    gate.resolve(undefined);
    expect(await both).toEqual([500, 500]);
    expect(await post(delivery(event))).toBe(204);
    expect(calls).toBe(2);
  });

  it.each([
    ["no signature", delivery(event, { "x-cycles-signature": "" }), 401],
    ["another body's signature", delivery(event, { "x-cycles-signature": vector }), 401],
    ["no JSON", delivery("{"), 400],
    ["no event", delivery({ event_id: "evt_1" }), 400],
    ["a null", delivery("null"), 400],
    ["a GET", delivery("", {}, "GET"), 405],
  ])("%s never reaches onEvent", async (_what, request, status) => {
    const { events, post } = receiving();
    expect(await post(request)).toBe(status);
    expect(events).toEqual([]);
  });

  it("reads no more than it may, whatever the sender says", async () => {
    const { events, post } = receiving({ maxBytes: 1_000 });
    expect(await post(delivery({ ...event, data: { text: "x".repeat(2_000) } }))).toBe(413);
    expect(events).toEqual([]);
  });

  it("a delivery that breaks off is a 400 and nothing else; one that something has read already says what to do", async () => {
    const { events, post } = receiving();
    const broken = new ReadableStream<Uint8Array>({
      start(controller) {
        controller.enqueue(new TextEncoder().encode('{"event_id":'));
        controller.error(new Error("the sender is gone"));
      },
    });
    const init = { method: "POST", body: broken, duplex: "half", headers: { "x-cycles-signature": vector } };
    expect(await post(new Request("https://app.example/hooks", init as RequestInit))).toBe(400);
    const parsed = delivery(event);
    await parsed.text();
    await expect(post(parsed)).rejects.toThrow(ConfigurationError);
    await expect(post(parsed)).rejects.toThrow("read already");
    expect(events).toEqual([]);
  });

  it("needs a secret, and shows none", () => {
    expect(() => createWebhookHandler({ secret: "", onEvent: () => {} })).toThrow(ConfigurationError);
  });

  it("forgets the oldest events only", () => {
    const seen = memorySeenEvents(2);
    for (const id of ["a", "b", "b", "c"]) void seen.add(id);
    expect(["a", "b", "c"].map((id) => seen.has(id))).toEqual([false, true, true]);
  });
});
