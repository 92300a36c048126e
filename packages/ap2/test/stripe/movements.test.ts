import { guardRefund, reconcile, recover, withReservation } from "@imprest/ap2";
import { captureWithStripe, reconcileStripeEvent, refundWithStripe, stripeLookupCharge } from "@imprest/ap2/stripe";
import type { Stripe } from "stripe";
import { describe, expect, it } from "vitest";
import { makeMandate, makeTerms, otherWorker } from "../support/harness.ts";
import { type Shop, openShop, soon } from "./support.ts";

// Captures, refunds and webhooks through the real `stripe` package.

const dollar = 100_000_000;
const failureOf = (promise: Promise<unknown>): Promise<unknown> => promise.catch((error: unknown) => error);

describe("captures of one authorization", () => {
  async function authorize(): Promise<
    Shop & { capture: (number: number, value: string, final?: boolean) => Promise<unknown> }
  > {
    const shop = await openShop();
    await shop.stripe.paymentIntents.create({
      amount: 19_900,
      currency: "usd",
      capture_method: "manual",
      confirm: true,
    });
    const capture = (number: number, amountValue: string, final = false): Promise<unknown> =>
      failureOf(
        withReservation(
          shop.authority,
          makeTerms({ leg: { number, amountValue } }),
          (payment) => captureWithStripe(shop.stripe, payment, { intent: "pi_1", final }),
          { tracksCharge: true },
        ),
      );
    return { ...shop, capture };
  }

  it("are legs: each is made once and booked, together within the mandate", async () => {
    const { server, cycles, capture } = await authorize();
    await capture(1, "99.00");
    await capture(1, "99.00");
    await capture(2, "50.00");
    expect(await capture(3, "60.00")).toMatchObject({ code: "ERR_AP2_ALREADY_CONSUMED" });
    await capture(3, "50.00", true);
    expect(server.charged).toEqual([9_900, 5_000, 5_000]);
    expect(cycles.spent).toBe(199 * dollar);
    expect(server.intents[0]?.status).toBe("succeeded");
  });

  it("that fail at the first read are released: nothing could move", async () => {
    const { server, cycles, capture, recover: look } = await authorize();
    server.fault = ({ operation }) => (operation === "retrieve" ? "lose-request" : undefined);
    await capture(1, "99.00");
    server.fault = () => undefined;
    expect(await look()).toMatchObject({ settled: 0, released: 0, unresolved: 0 });
    await capture(1, "99.00");
    expect(server.charged).toEqual([9_900]);
    expect(cycles.spent).toBe(99 * dollar);
  });

  it("whose answer was lost are found by the intent's metadata, at once or by recovery, also after the key is forgotten", async () => {
    for (const retrieves of ["works", "fails"]) {
      const { server, cycles, capture, recover: look } = await authorize();
      server.fault = ({ operation }) =>
        operation === "capture"
          ? "lose-answer"
          : operation === "retrieve" && server.charged.length > 0 && retrieves === "fails"
            ? "lose-request"
            : undefined;
      await capture(1, "99.00");
      server.fault = () => undefined;
      server.skewMs = 90_000_000;
      await look();
      await capture(1, "99.00");
      expect(server.charged).toEqual([9_900]);
      expect(cycles.spent).toBe(99 * dollar);
    }
  });

  it("of an authorization that was cancelled are declined; one that was refused is held, then free", async () => {
    const { server, cycles, capture, stripe, recover: look } = await authorize();
    server.fault = ({ operation }) =>
      operation === "capture" ? { status: 400, error: { type: "invalid_request_error" } } : undefined;
    expect(await capture(1, "99.00")).toMatchObject({ errorCode: "PSP_OUTCOME_UNKNOWN" });
    server.fault = () => undefined;
    expect(await look()).toMatchObject({ released: 1 });
    await stripe.paymentIntents.cancel("pi_1");
    expect(await capture(1, "99.00")).toMatchObject({ code: "ERR_AP2_PAYMENT_DECLINED" });
    expect([cycles.spent, cycles.reserved]).toEqual([0, 0]);
  });
});

describe("a refund", () => {
  async function sold(): Promise<Shop & { refund: (number: number, dollars: number) => Promise<unknown> }> {
    const shop = await openShop();
    await shop.pay();
    const refund = (number: number, dollars: number): Promise<unknown> =>
      failureOf(
        guardRefund(
          shop.authority,
          { ...makeTerms(), refund: { number, amount: BigInt(dollars) * 100_000_000n } },
          async (payment) => (await refundWithStripe(shop.stripe, payment, { intent: "pi_1" })).id,
          { tracksCharge: true },
        ),
      );
    return { ...shop, refund };
  }

  it("is made once, and together they come to no more than was charged", async () => {
    const { server, refund } = await sold();
    expect(await refund(1, 100)).toMatchObject({ value: "re_1", settlement: { status: "committed" } });
    expect(await refund(1, 100)).toMatchObject({ code: "ERR_AP2_ALREADY_CONSUMED" });
    expect(await refund(2, 100)).toMatchObject({ code: "ERR_AP2_ALREADY_CONSUMED" });
    await refund(2, 99);
    expect(server.refunded).toBe(19_900);
  });

  it("whose answer was lost is found, after a day too, when Stripe has forgotten the key", async () => {
    const { server, refund, recover: look } = await sold();
    server.fault = ({ operation }) =>
      operation === "refund" ? "lose-answer" : server.refunds.length > 0 ? "lose-request" : undefined;
    expect(await refund(1, 100)).toMatchObject({ errorCode: "PSP_OUTCOME_UNKNOWN" });
    server.fault = () => undefined;
    server.skewMs = 90_000_000;
    await look({ lookupCharge: () => ({ status: "none" }) });
    expect(await refund(1, 100)).toMatchObject({ value: "re_1" });
    expect(server.refunded).toBe(10_000);
  });

  it("that was never made is free after a look-up, and so is one that failed", async () => {
    for (const failed of [false, true]) {
      const { server, refund, recover: look } = await sold();
      server.fault = ({ operation }) => {
        if (operation === "refund") return failed ? "lose-answer" : "lose-request";
        return server.requests("refund").length > 0 ? "lose-request" : undefined;
      };
      expect(await refund(1, 100)).toMatchObject({ errorCode: "PSP_OUTCOME_UNKNOWN" });
      server.fault = () => undefined;
      for (const made of server.refunds) made.status = "failed";
      expect(await look()).toMatchObject({ released: 1 });
      expect(await refund(1, 100)).toMatchObject({ value: failed ? "re_2" : "re_1" });
    }
  });
});

describe("a webhook", () => {
  const event = (shop: Shop, type = "payment_intent.succeeded"): Stripe.Event =>
    ({ type, data: { object: structuredClone(shop.server.intents[0]) } }) as unknown as Stripe.Event;

  async function heldShop(): Promise<Shop> {
    const shop = await openShop();
    shop.server.confirmation = "requires_action";
    await shop.pay();
    return shop;
  }

  it("settles the payment that it is about with what Stripe says now, however often it comes", async () => {
    const shop = await heldShop();
    const early = event(shop);
    Object.assign(shop.server.intents[0] ?? {}, { status: "succeeded", amount_received: 19_900 });
    for (const one of [early, event(shop), event(shop)]) {
      await expect(reconcileStripeEvent(shop.stripe, otherWorker(shop), one)).resolves.toBe("settled");
    }
    expect(shop.cycles.spent).toBe(199 * dollar);
  });

  it("that comes too early, or before the charge, leaves the payment as it is", async () => {
    const shop = await heldShop();
    await expect(reconcileStripeEvent(shop.stripe, otherWorker(shop), event(shop))).resolves.toBe("unresolved");
    expect([shop.cycles.spent, shop.cycles.reserved]).toEqual([0, 199 * dollar]);
  });

  it("while the body runs is answered unresolved, so that Stripe sends it again", async () => {
    const shop = await openShop();
    let answer: unknown;
    shop.stripe.on("response", ({ path }: { readonly path: string }) => {
      if (!path.endsWith("/confirm")) return;
      answer = Promise.all([
        reconcileStripeEvent(shop.stripe, shop.authority, event(shop)),
        reconcileStripeEvent(shop.stripe, otherWorker(shop), event(shop)),
      ]);
    });
    expect(await shop.pay()).toBe("pi_1");
    expect((await (answer as Promise<string[]>))[0]).toBe("unresolved");
    expect(shop.cycles.spent).toBe(199 * dollar);
  });

  it("books a charge that was made after its payment had been released, once", async () => {
    const shop = await openShop();
    shop.server.fault = ({ operation }) => (operation === "create" ? undefined : "lose-request");
    await shop.pay();
    shop.server.fault = () => undefined;
    await shop.recover({ lookupCharge: () => ({ status: "none" }) });
    expect(shop.cycles.reserved).toBe(0);
    // A worker that was frozen wakes and confirms.
    await shop.stripe.paymentIntents.confirm("pi_1");
    for (let at = 0; at < 3; at += 1) {
      await expect(reconcileStripeEvent(shop.stripe, otherWorker(shop), event(shop))).resolves.toBe("settled");
    }
    expect(shop.cycles.spent).toBe(199 * dollar);
    expect(await shop.pay()).toMatchObject({ code: "ERR_AP2_ALREADY_CONSUMED" });
  });

  it.each([
    { type: "customer.created", data: { object: {} } },
    { type: "payment_intent.succeeded", data: { object: { metadata: {} } } },
    { type: "payment_intent.succeeded", data: { object: {} } },
  ] as unknown as Stripe.Event[])("of something else is not for here", async (other) => {
    const shop = await openShop();
    await expect(reconcileStripeEvent(shop.stripe, shop.authority, other)).resolves.toBeUndefined();
  });
});

describe("the look-up", () => {
  it("without an id reads every page, from two days before the payment on, and ignores what is not its own", async () => {
    const shop = await openShop();
    const { stripe, server } = shop;
    const error = await failureOf(
      withReservation(shop.authority, makeTerms(), async (payment) => {
        const metadata = { imprest_key: payment.pspIdempotencyKey };
        await stripe.paymentIntents.create({ amount: 19_900, currency: "usd", confirm: true, metadata });
        throw new Error("lost");
      }),
    );
    server.skewMs = 60_000;
    for (let at = 0; at < 250; at += 1) await stripe.paymentIntents.create({ amount: 1, currency: "usd" });
    const lookupCharge = stripeLookupCharge(stripe);
    await expect(reconcile(shop.authority, error as never, { ...soon, lookupCharge })).resolves.toBe("settled");
    expect(server.requests("list").length).toBeGreaterThan(1);
    expect(shop.cycles.spent).toBe(199 * dollar);
  }, 20_000);

  it("of an account that does not know the intent settles nothing", async () => {
    const shop = await openShop();
    shop.server.fault = ({ operation }) => (operation === "create" ? undefined : "lose-request");
    await shop.pay({ mandate: makeMandate() });
    shop.server.fault = () => undefined;
    const other = await openShop();
    const lookupCharge = stripeLookupCharge(other.stripe);
    await expect(recover(otherWorker(shop), { ...soon, lookupCharge })).resolves.toMatchObject({
      unresolved: 1,
      problems: [{ error: { code: "ERR_AP2_LOOKUP" } }],
    });
  });
});
