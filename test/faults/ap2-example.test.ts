import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { paymentAuthority, recover } from "@imprest/ap2";
import { expect, it, onTestFinished } from "vitest";
import { createWorker, lookupCharge, purchase } from "../../examples/ap2/purchase.ts";
import { StripeServer } from "../../examples/ap2/stripe-server.ts";
import { FakeCycles, serveCycles } from "../../packages/ap2/test/support/fake-cycles.ts";

// The example that the guide points to, through the real `stripe` package, against answers that Stripe gives.

const mandate = {
  transactionId: "order-1",
  amountValue: "199.00",
  currency: "USD",
  payeeWebsite: "merchant.example",
  openMandateHash: "open-1",
};

async function shop() {
  const cycles = new FakeCycles();
  const [stripe, served] = await Promise.all([new StripeServer().listen(), serveCycles(cycles)]);
  const directory = await mkdtemp(join(tmpdir(), "imprest-ap2-example-"));
  const worker = createWorker({
    authorityUrl: served.url,
    apiKey: "fault-test-key",
    stripePort: stripe.port,
    recordsFile: join(directory, "records.sqlite"),
  });
  onTestFinished(async () => {
    await paymentAuthority(worker.authority).idle();
    await worker.records.close?.();
    stripe.close();
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

const committed = { settlement: { status: "committed" } };

it.each([
  [429, { type: "rate_limit_error", code: "rate_limit" }],
  [401, { type: "invalid_request_error" }],
  [400, { type: "invalid_request_error" }],
  [409, { type: "idempotency_error" }],
  [500, { type: "api_error" }],
])("a charge that was made and answered with %d is found at once, and is the only one", async (status, error) => {
  const { cycles, stripe, buy, recover: look } = await shop();
  stripe.fault = ({ operation }) => (operation === "confirm" ? { status, error, done: true } : undefined);
  expect(await buy()).toMatchObject(committed);
  expect(await buy()).toMatchObject({ name: "AP2AlreadyConsumed" });
  expect(await look()).toMatchObject({ settled: 0, released: 0, unresolved: 0 });
  expect(stripe.charged).toEqual([19_900]);
  expect(cycles.spent).toBe(19_900_000_000);
});

it("a charge behind a connection that stays broken is held, then found by its id", async () => {
  const { cycles, stripe, buy, recover: look } = await shop();
  stripe.fault = ({ operation }) =>
    operation === "confirm" ? "lose-answer" : operation === "retrieve" ? "lose-request" : undefined;
  expect(await buy()).toMatchObject({ errorCode: "PSP_OUTCOME_UNKNOWN" });
  expect(await buy()).toMatchObject({ name: "AP2AlreadyConsumed" });
  stripe.fault = () => undefined;
  expect(await look()).toMatchObject({ settled: 1, released: 0, unresolved: 0 });
  expect(stripe.requests("list")).toHaveLength(0);
  expect(stripe.charged).toEqual([19_900]);
  expect(cycles.spent).toBe(19_900_000_000);
});

it("a card that is declined frees the mandate, under another key, and its intent is cancelled", async () => {
  const { cycles, stripe, buy } = await shop();
  stripe.confirmation = "declined";
  expect(await buy()).toMatchObject({ name: "AP2PaymentDeclined" });
  stripe.confirmation = "succeeded";
  expect(await buy()).toMatchObject(committed);
  expect(stripe.intents.map(({ status }) => status)).toEqual(["succeeded", "canceled"]);
  expect(new Set(stripe.requests("create").map(({ key }) => key)).size).toBe(2);
  expect(cycles.spent).toBe(19_900_000_000);
});

it.each(["requires_action", "processing", "requires_capture"])(
  "an intent that comes back as %s is held: nothing is booked, and nothing freed",
  async (status) => {
    const { cycles, stripe, buy, recover: look } = await shop();
    stripe.confirmation = status;
    expect(await buy()).toMatchObject({ errorCode: "PSP_OUTCOME_UNKNOWN", cause: { status } });
    const problems = [{ error: { code: "ERR_AP2_COMMIT_UNCERTAIN" } }];
    expect(await look()).toMatchObject({ settled: 0, released: 0, unresolved: 1, problems });
    expect(await buy()).toMatchObject({ name: "AP2AlreadyConsumed" });
    expect(cycles.spent).toBe(0);
  },
);
