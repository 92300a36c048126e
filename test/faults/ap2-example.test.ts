import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { type IncomingMessage, type ServerResponse, createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { paymentAuthority, recover } from "@imprest/ap2";
import { expect, it, onTestFinished } from "vitest";
import { createWorker, lookupCharge, purchase } from "../../examples/ap2/purchase.ts";
import { FakeCycles, serveCycles } from "../../packages/ap2/test/support/fake-cycles.ts";

// The example that the guide points to, through the real `stripe` package, against answers that Stripe gives.

const mandate = {
  transactionId: "order-1",
  amountValue: "199.00",
  currency: "USD",
  payeeWebsite: "merchant.example",
  openMandateHash: "open-1",
};

interface Intent {
  readonly id: string;
  readonly object: "payment_intent";
  readonly status: string;
  readonly amount: number;
  readonly metadata: Readonly<Record<string, string>>;
  readonly last_payment_error?: { readonly type: string };
}

/** Stripe's part: one intent a key, a list in pages, newest first. `answer` may take the place of a POST's answer. */
class FakeStripe {
  readonly intents: Intent[] = [];
  readonly keys: string[] = [];
  intent: Partial<Intent> = {};
  answer: ((response: ServerResponse) => void) | undefined;
  readonly #byKey = new Map<string, Intent>();

  async handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    if (request.method === "GET") return send(response, 200, this.#page(request.url ?? ""));
    const key = String(request.headers["idempotency-key"]);
    this.keys.push(key);
    const form = new URLSearchParams(Buffer.concat(chunks).toString());
    const intent =
      this.#byKey.get(key) ?? this.add(form.get("metadata[imprest_key]") ?? "", Number(form.get("amount")));
    this.#byKey.set(key, intent);
    if (this.answer) return this.answer(response);
    send(response, 200, intent);
  }

  add(key: string, amount: number): Intent {
    const id = `pi_${this.intents.length + 1}`;
    const fixed = { id, object: "payment_intent", status: "succeeded", amount } as const;
    const intent: Intent = { ...fixed, metadata: { imprest_key: key }, ...this.intent };
    this.intents.unshift(intent);
    return intent;
  }

  #page(url: string): object {
    const query = new URL(url, "http://stripe").searchParams;
    const after = this.intents.findIndex(({ id }) => id === query.get("starting_after")) + 1;
    const data = this.intents.slice(after, after + Number(query.get("limit") ?? 10));
    return { object: "list", url: "/v1/payment_intents", data, has_more: after + data.length < this.intents.length };
  }
}

function send(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { "content-type": "application/json" });
  response.end(JSON.stringify(body));
}

async function shop() {
  const cycles = new FakeCycles();
  const stripe = new FakeStripe();
  const served = await serveCycles(cycles);
  const server = createServer((request, response) => void stripe.handle(request, response));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const directory = await mkdtemp(join(tmpdir(), "imprest-ap2-example-"));
  const worker = createWorker({
    authorityUrl: served.url,
    apiKey: "fault-test-key",
    stripePort: (server.address() as AddressInfo).port,
    recordsFile: join(directory, "records.sqlite"),
  });
  onTestFinished(async () => {
    await paymentAuthority(worker.authority).idle();
    await worker.records.close?.();
    server.closeAllConnections();
    server.close();
    served.close();
    await rm(directory, { recursive: true, force: true });
  });
  return {
    cycles,
    stripe,
    buy: () => purchase(worker, mandate).catch((error: unknown) => error),
    recover: () =>
      recover(worker.authority, {
        abandonedAfterMs: 0,
        absentAfterMs: 0,
        lookupCharge: lookupCharge.bind(undefined, worker.stripe),
      }),
  };
}

it.each([
  [429, { type: "rate_limit_error", code: "rate_limit" }],
  [401, { type: "invalid_request_error" }],
  [400, { type: "invalid_request_error" }],
  [409, { type: "idempotency_error" }],
  [500, { type: "api_error" }],
])("a charge whose answer was lost behind a %d is found, and is the only one", async (status, error) => {
  const { cycles, stripe, buy, recover: look } = await shop();
  stripe.answer = (response) => send(response, status, { error });
  expect(await buy()).toMatchObject({ errorCode: "PSP_OUTCOME_UNKNOWN" });
  stripe.answer = undefined;
  expect(await buy()).toMatchObject({ name: "AP2AlreadyConsumed" });
  // A busy shop: the charge is no longer on the first page of the list.
  for (let at = 0; at < 250; at += 1) stripe.add("other", 1);
  expect(await look()).toMatchObject({ settled: 1, released: 0, unresolved: 0 });
  expect(new Set(stripe.keys).size).toBe(1);
  expect(cycles.spent).toBe(19_900_000_000);
});

it("a card that is declined frees the mandate, under another key", async () => {
  const { cycles, stripe, buy } = await shop();
  stripe.answer = (response) => send(response, 402, { error: { type: "card_error", code: "card_declined" } });
  expect(await buy()).toMatchObject({ type: "StripeCardError" });
  stripe.answer = undefined;
  expect(await buy()).toMatchObject({ settlement: { status: "committed" } });
  expect(new Set(stripe.keys).size).toBe(2);
  expect(cycles.spent).toBe(19_900_000_000);
});

it.each(["requires_action", "processing", "requires_capture", "requires_confirmation", "requires_payment_method"])(
  "an intent that comes back as %s is held: nothing is booked, and nothing freed",
  async (status) => {
    const { cycles, stripe, buy, recover: look } = await shop();
    stripe.intent = { status };
    expect(await buy()).toMatchObject({ errorCode: "PSP_OUTCOME_UNKNOWN" });
    expect(await look()).toMatchObject({ settled: 0, released: 0, unresolved: 1, problems: [] });
    expect(await buy()).toMatchObject({ name: "AP2AlreadyConsumed" });
    expect(cycles.spent).toBe(0);
  },
);

it.each<Partial<Intent>>([
  { status: "canceled" },
  { status: "requires_payment_method", last_payment_error: { type: "card_error" } },
])("an intent that can no longer charge frees the mandate: %o", async (intent) => {
  const { cycles, stripe, buy } = await shop();
  stripe.intent = intent;
  expect(await buy()).toMatchObject({ name: "AP2PaymentDeclined" });
  stripe.intent = {};
  expect(await buy()).toMatchObject({ settlement: { status: "committed" } });
  expect(cycles.spent).toBe(19_900_000_000);
});
