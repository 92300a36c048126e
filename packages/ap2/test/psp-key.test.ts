import {
  AP2AlreadyConsumed,
  AP2GuardCommitUncertain,
  AP2PaymentDeclined,
  type Payment,
  type PaymentOptions,
  classifyHttpError,
  recover,
  withReservation,
} from "@imprest/ap2";
import { Stripe } from "stripe";
import { describe, expect, it } from "vitest";
import { refusal } from "./support/fake-cycles.ts";
import { type Harness, createHarness, killWorkers, makeMandate, makeTerms, otherWorker } from "./support/harness.ts";

const first = "ap2:tx:0094424f06331addbe7b9977acf59843:psp:822b33ad87c148a0";
const soon = { abandonedAfterMs: 0, absentAfterMs: 0 };

/** A provider that charges once a key, and may lose its answer. */
class Provider {
  readonly charges = new Map<string, bigint>();
  readonly keys: string[] = [];

  charge({ pspIdempotencyKey: key, microcents }: Payment, answer: () => void = () => {}): string {
    this.keys.push(key);
    this.charges.set(key, microcents);
    answer();
    return key;
  }
}

function pay(
  harness: Harness,
  body: (payment: Payment) => unknown,
  options: PaymentOptions = {},
  change: Parameters<typeof makeTerms>[0] = {},
): Promise<unknown> {
  return withReservation(harness.authority, makeTerms(change), body, options).then(
    ({ value }) => value,
    (error: unknown) => error,
  );
}

const raise = (error: unknown) => (): never => {
  throw error;
};

describe("a refusal that answers a repeat", () => {
  const { errors } = Stripe;
  it.each([
    ["Stripe's rate limit", new errors.StripeRateLimitError({ type: "rate_limit_error" }), {}],
    ["Stripe's refused login", new errors.StripeAuthenticationError({ type: "authentication_error" }), {}],
    ["Stripe's invalid request", new errors.StripeInvalidRequestError({ type: "invalid_request_error" }), {}],
    ["Stripe's missing permission", new errors.StripePermissionError({ type: "invalid_request_error" }), {}],
    ["a timeout", new Error("ETIMEDOUT"), {}],
    ...[400, 401, 403, 404, 408, 409, 422, 429, 500].map(
      (status) => [`HTTP ${status}`, { status }, { classify: classifyHttpError }] as const,
    ),
  ] as const)("%s holds the payment, and the charge that was made is the only one", async (_, error, options) => {
    const harness = createHarness();
    const provider = new Provider();
    const lost = await pay(harness, (payment) => provider.charge(payment, raise(error)), options);
    expect(lost).toBeInstanceOf(AP2GuardCommitUncertain);
    expect(harness.cycles.requests("release")).toHaveLength(0);
    expect(await pay(harness, (payment) => provider.charge(payment), options)).toBeInstanceOf(AP2AlreadyConsumed);
    // The provider's own list is late: it does not show the charge yet, and recovery believes it.
    await expect(
      recover(harness.authority, { ...soon, lookupCharge: () => ({ status: "none" }) }),
    ).resolves.toMatchObject({ released: 1 });
    expect(await pay(harness, (payment) => provider.charge(payment), options)).toBe(first);
    expect(provider.keys).toEqual([first, first]);
    expect([...provider.charges.values()]).toEqual([19_900_000_000n]);
    expect(harness.cycles.spent).toBe(19_900_000_000);
  });

  it("what a classifier returns besides its three words is unknown: nothing is committed or released", async () => {
    const harness = createHarness();
    const classify = (() => undefined) as never;
    expect(await pay(harness, raise(new Error("?")), { classify })).toBeInstanceOf(AP2GuardCommitUncertain);
    expect([...harness.cycles.requests("commit"), ...harness.cycles.requests("release")]).toHaveLength(0);
  });
});

describe("the key that the PSP is given", () => {
  const keyOf = async (harness: Harness, change: Parameters<typeof makeTerms>[0] = {}) =>
    pay(harness, (payment) => payment.pspIdempotencyKey, {}, change);

  it("changes after a decline that the body threw", async () => {
    const harness = createHarness();
    await pay(harness, raise(new AP2PaymentDeclined("no")));
    await pay(harness, raise(new Stripe.errors.StripeCardError({ type: "card_error" })));
    expect(await keyOf(harness)).toBe(`${first}:e2`);
  });
  it("changes after a decline that a look-up found", async () => {
    const harness = createHarness();
    await pay(harness, raise(new Error("lost")));
    await recover(harness.authority, { ...soon, lookupCharge: () => ({ status: "declined" }) });
    expect(await keyOf(harness)).toBe(`${first}:e1`);
  });
  it.each([
    ["an abort", (harness: Harness) => pay(harness, (payment) => payment.abort("no"))],
    [
      "a throw before the PSP was reached",
      (harness: Harness) => pay(harness, raise(new Error("x")), { tracksCharge: true }),
    ],
    [
      "a body that gave no result because its caller went away",
      (harness: Harness) => pay(harness, () => {}, { signal: AbortSignal.abort() }),
    ],
    [
      "a reserve that was refused",
      async (harness: Harness) => {
        harness.cycles.fault = () => refusal(409, "BUDGET_EXCEEDED");
        await pay(harness, () => {});
        harness.cycles.fault = () => undefined;
      },
    ],
    [
      "a worker that died before the PSP was reached",
      async (harness: Harness) => {
        void pay(harness, () => new Promise(() => {}), { tracksCharge: true });
        await expect.poll(() => harness.cycles.requests("reserve").length).toBe(1);
        await new Promise((resolve) => setTimeout(resolve, 10));
        await killWorkers(harness.records);
        await expect(recover(otherWorker(harness), soon)).resolves.toMatchObject({ released: 1 });
      },
    ],
  ])("stays the same after %s, while the reserve has a new one", async (_, before) => {
    const harness = createHarness();
    await before(harness);
    expect(await keyOf(harness)).toBe(first);
  });
  it("stays the same for another checkout under the open mandate while the last is not proven declined", async () => {
    const harness = createHarness();
    const mandate = (transactionId: string) => ({ mandate: makeMandate({ transactionId, openMandateHash: "omh" }) });
    const keys: unknown[] = [];
    const lose = (payment: Payment): never => {
      keys.push(payment.pspIdempotencyKey);
      throw new Error("lost");
    };
    await pay(harness, lose, {}, mandate("A"));
    await recover(harness.authority, { ...soon, lookupCharge: () => ({ status: "none" }) });
    expect(await keyOf(harness, mandate("B"))).toBe(keys[0]);
  });
  it("is each leg's own, and follows that leg's declines alone", async () => {
    const harness = createHarness();
    const leg = (number: number) => ({ leg: { number, amountValue: "1.00" } });
    await pay(harness, raise(new AP2PaymentDeclined("no")), {}, leg(1));
    expect(await keyOf(harness, leg(2))).toBe(`${first}:leg2`);
    expect(await keyOf(harness, leg(1))).toBe(`${first}:leg1.e1`);
  });
  it("of a record that an earlier version wrote is the one that it gave the PSP", async () => {
    const harness = createHarness();
    await pay(harness, raise(new AP2PaymentDeclined("no")));
    await pay(harness, raise(new Error("lost")));
    for await (const { key, value, version } of harness.records.scan("ap2-payment:")) {
      const { attempts, ...record } = value as { readonly attempts: readonly Readonly<Record<string, never>>[] };
      const old = attempts.map(({ pspEpoch: _epoch, declined: _declined, ...attempt }) => attempt);
      await harness.records.replace(key, { ...record, attempts: old }, version);
    }
    const asked: string[] = [];
    await recover(harness.authority, {
      ...soon,
      lookupCharge: ({ pspIdempotencyKey }) => (asked.push(pspIdempotencyKey), { status: "none" }),
    });
    expect(asked).toEqual([`${first}:e1`]);
    expect(await keyOf(harness)).toBe(`${first}:e1`);
  });
});
