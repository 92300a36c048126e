import { AP2AlreadyConsumed, AP2PaymentDeclined, AP2PaymentOpenError } from "@imprest/ap2";
import fc from "fast-check";
import { describe, expect, it, vi } from "vitest";
import type { Fault } from "../../../../examples/ap2/stripe-server.ts";
import { makeMandate } from "../support/harness.ts";
import { type Shop, openShop } from "./support.ts";

// Money through the real `stripe` package: at most one charge a payment, and the books say what was charged.

const cents = (microcents: number): number => microcents / 1_000_000;

/** What Stripe received and what the authority has booked, in cents. */
const sums = ({ server, cycles }: Shop): [number, number] => [
  server.charged.reduce((sum, one) => sum + one, 0),
  cents(cycles.spent),
];

describe("a charge", () => {
  it("creates the intent unconfirmed under the payment's key, and confirms it by its id", async () => {
    const shop = await openShop();
    expect(await shop.pay({}, { intent: { payment_method: "pm_card_visa" }, confirm: { off_session: true } })).toBe(
      "pi_1",
    );
    const [create, confirm] = shop.server.seen;
    expect(create).toMatchObject({
      operation: "create",
      key: expect.stringMatching(/^ap2:tx:\w{32}:psp:822b33ad87c148a0$/),
    });
    expect(confirm).toMatchObject({ operation: "confirm" });
    expect(confirm?.key).not.toBe(create?.key);
    expect(shop.server.intents[0]?.metadata).toMatchObject({
      imprest_key: create?.key,
      imprest_record: expect.stringMatching(/^ap2-payment:/),
    });
    expect(sums(shop)).toEqual([19_900, 19_900]);
    expect(shop.cycles.reservations.get("rsv_1")?.committedMetadata).toEqual({ psp_ref: "pi_1" });
  });

  const refusals: [string, Fault][] = [
    ["429", { status: 429, error: { type: "rate_limit_error" }, done: true }],
    ["401", { status: 401, error: { type: "invalid_request_error" }, done: true }],
    ["400", { status: 400, error: { type: "invalid_request_error" }, done: true }],
    ["409", { status: 409, error: { type: "invalid_request_error", code: "idempotency_key_in_use" }, done: true }],
    ["500", { status: 500, error: { type: "api_error" }, done: true }],
    ["a broken connection", "lose-answer"],
  ];
  it.each(refusals)(
    "that was made and answered with %s is found by its id, whatever the SDK retries",
    async (_, fault) => {
      for (const maxNetworkRetries of [0, 2]) {
        const shop = await openShop({ maxNetworkRetries });
        shop.server.fault = ({ operation }, nth) => (operation === "confirm" && nth === 1 ? fault : undefined);
        expect(await shop.pay()).toBe("pi_1");
        expect(await shop.pay()).toBeInstanceOf(AP2AlreadyConsumed);
        expect(sums(shop)).toEqual([19_900, 19_900]);
        expect(shop.server.charged).toHaveLength(1);
      }
    },
    20_000,
  );

  it.each(refusals.slice(0, 4))(
    "that was refused with %s before it was made is over: its intent is cancelled, the next has another key",
    async (_, fault) => {
      const shop = await openShop();
      shop.server.fault = ({ operation }) =>
        operation === "confirm" ? ({ ...(fault as object), done: false } as Fault) : undefined;
      expect(await shop.pay()).toBeInstanceOf(AP2PaymentDeclined);
      shop.server.fault = () => undefined;
      expect(await shop.pay()).toBe("pi_2");
      expect(shop.server.intents.map(({ status }) => status)).toEqual(["succeeded", "canceled"]);
      expect(sums(shop)).toEqual([19_900, 19_900]);
    },
  );

  it("whose creation Stripe answers with a stored 500 does not wait for the day that Stripe remembers it", async () => {
    const shop = await openShop();
    shop.server.fault = ({ operation }, nth) =>
      operation === "create" && nth === 1 ? { status: 500, error: { type: "api_error" } } : undefined;
    expect(await shop.pay()).toBe("pi_1");
    expect(shop.server.requests("create")).toHaveLength(2);
    expect(sums(shop)).toEqual([19_900, 19_900]);
  });

  it("whose intent cannot be created is released: nothing can be charged with it", async () => {
    const shop = await openShop();
    shop.server.fault = () => "lose-answer";
    expect(await shop.pay()).toMatchObject({ type: "StripeConnectionError" });
    expect(shop.cycles.reservations.get("rsv_1")?.status).toBe("RELEASED");
    shop.server.fault = () => undefined;
    expect(await shop.pay()).toBe("pi_2");
    expect(shop.server.requests("confirm")).toHaveLength(1);
    expect(sums(shop)).toEqual([19_900, 19_900]);
  });

  it("in another currency is asked for in its minor units and booked at the quote", async () => {
    const shop = await openShop();
    const quote = { id: "q", currency: "JPY", rate: "0.0065", expiresAtMs: Date.now() + 60_000 };
    await shop.pay({ mandate: makeMandate({ amountValue: "1000", currency: "JPY" }), quote });
    expect(shop.server.intents[0]).toMatchObject({ amount: 1_000, currency: "jpy" });
    expect(shop.cycles.spent).toBe(650_000_000);
  });

  it("of half a cent is not asked for", async () => {
    const shop = await openShop();
    expect(await shop.pay({ mandate: makeMandate({ amountValue: "0.005" }) })).toMatchObject({
      code: "ERR_AP2_CURRENCY",
    });
    expect(shop.server.seen).toHaveLength(0);
    expect(shop.cycles.reserved).toBe(0);
  });
});

describe("an intent that may still charge", () => {
  it.each(["requires_action", "processing"])("%s is held, and settled once Stripe has charged", async (status) => {
    const shop = await openShop();
    shop.server.confirmation = status;
    expect(await shop.pay()).toMatchObject({
      errorCode: "PSP_OUTCOME_UNKNOWN",
      cause: { name: "AP2PaymentOpenError", status },
    });
    expect(await shop.recover()).toMatchObject({ unresolved: 1 });
    expect(sums(shop)).toEqual([0, 0]);
    const [intent] = shop.server.intents;
    Object.assign(intent ?? {}, { status: "succeeded", amount_received: 19_900 });
    shop.server.charged.push(19_900);
    expect(await shop.recover()).toMatchObject({ settled: 1 });
    expect(sums(shop)).toEqual([19_900, 19_900]);
  });

  it("that cannot be asked is reported with its id", async () => {
    const shop = await openShop();
    shop.server.fault = ({ operation }) => (operation === "create" ? undefined : "lose-request");
    const error = (await shop.pay()) as { readonly cause: unknown };
    expect(error.cause).toBeInstanceOf(AP2PaymentOpenError);
    expect(error.cause).toMatchObject({ reference: "pi_1", status: "unknown" });
  });
});

describe("a later attempt", () => {
  it("after more than a day pays with the intent of the first, though Stripe forgot the key", async () => {
    const shop = await openShop();
    shop.server.fault = ({ operation }) => (operation === "create" ? undefined : "lose-request");
    await shop.pay();
    shop.server.fault = () => undefined;
    // The look-up answers that there is no charge, and recovery believes it.
    await shop.recover({ lookupCharge: () => ({ status: "none" }) });
    shop.server.skewMs = 90_000_000;
    expect(await shop.pay()).toBe("pi_1");
    expect(shop.server.intents).toHaveLength(1);
    expect(sums(shop)).toEqual([19_900, 19_900]);
  });

  it("finds the first one charged after all: a worker that was frozen confirmed it meanwhile", async () => {
    const shop = await openShop();
    shop.server.fault = ({ operation }) => (operation === "create" ? undefined : "lose-request");
    await shop.pay();
    shop.server.fault = () => undefined;
    await shop.recover({ lookupCharge: () => ({ status: "none" }) });
    await shop.stripe.paymentIntents.confirm("pi_1");
    expect(await shop.pay()).toBe("pi_1");
    expect(sums(shop)).toEqual([19_900, 19_900]);
  });

  it("for another checkout under the same open mandate cancels the intent of the first, whose amount is another", async () => {
    const shop = await openShop();
    const mandate = (transactionId: string, amountValue: string) => ({
      mandate: makeMandate({ transactionId, amountValue, openMandateHash: "omh" }),
    });
    shop.server.fault = ({ operation }) => (operation === "create" ? undefined : "lose-request");
    await shop.pay(mandate("A", "50.00"));
    shop.server.fault = () => undefined;
    await shop.recover({ lookupCharge: () => ({ status: "none" }) });
    expect(await shop.pay(mandate("B", "60.00"))).toBeInstanceOf(AP2PaymentDeclined);
    expect(await shop.pay(mandate("B", "60.00"))).toBe("pi_2");
    expect(sums(shop)).toEqual([6_000, 6_000]);
  });
});

const fault: fc.Arbitrary<Fault | undefined> = fc.oneof(
  fc.constant(undefined),
  fc.constantFrom<Fault>("lose-answer", "lose-request"),
  fc
    .tuple(fc.constantFrom(400, 401, 402, 409, 429, 500), fc.boolean())
    .map(([status, done]) => ({ status, done, error: { type: status === 402 ? "card_error" : "api_error" } })),
);
const step = fc.record({
  what: fc.constantFrom("pay", "pay", "recover"),
  faults: fc.array(fault, { maxLength: 5 }),
  confirmation: fc.constantFrom("succeeded", "succeeded", "declined", "requires_action"),
  laterMs: fc.constantFrom(0, 0, 90_000_000),
});

it("at most one charge, and books that equal it, under any faults, repeats, recoveries and days between them", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 5 }), async (steps) => {
      const shop = await openShop();
      const { server } = shop;
      for (const { what, faults, confirmation, laterMs } of steps) {
        let at = 0;
        server.fault = () => faults[at++];
        server.confirmation = confirmation;
        server.skewMs += laterMs;
        await (what === "pay" ? shop.pay() : shop.recover());
      }
      server.fault = () => undefined;
      server.confirmation = "succeeded";
      for (const intent of server.intents.filter(({ status }) => status === "requires_action"))
        intent.status = "canceled";
      await shop.recover();
      await shop.pay();
      expect(server.charged).toEqual([19_900]);
      expect(sums(shop)).toEqual([19_900, 19_900]);
      expect(shop.cycles.reserved).toBe(0);
      server.close();
    }),
    { numRuns: 12 },
  );
}, 60_000);

describe("an intent that would charge another way", () => {
  it("is created unconfirmed although JavaScript asked to confirm it", async () => {
    const shop = await openShop();
    const create = vi.spyOn(shop.stripe.paymentIntents, "create");
    await shop.pay({}, { intent: { payment_method: "pm_card_visa", confirm: true } as never });
    expect(create.mock.calls).toMatchObject([[{ confirm: false }, {}]]);
    expect(sums(shop)).toEqual([19_900, 19_900]);
  });

  it("is refused where it is captured by hand, with nothing sent and nothing held", async () => {
    const shop = await openShop();
    expect(await shop.pay({}, { intent: { capture_method: "manual" } })).toMatchObject({
      message: expect.stringContaining("chargeWithStripe captures at once."),
    });
    expect(shop.server.seen).toEqual([]);
    expect(await shop.pay()).toBe("pi_1");
  });
});
