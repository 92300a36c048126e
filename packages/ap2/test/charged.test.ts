import {
  AP2GuardCommitFailed,
  type Payment,
  type PaymentOptions,
  type PaymentTerms,
  guardRefund,
  recover,
  withReservation,
} from "@imprest/ap2";
import { describe, expect, it } from "vitest";
import { CountingPsp } from "./support/counting-psp.ts";
import { type Harness, createHarness, makeMandate, makeTerms } from "./support/harness.ts";

// What the books say must be what the payment service charged, or the payment must be held for a look-up.

const dollars = (value: number): bigint => BigInt(value) * 100_000_000n;
const hundred = makeMandate({ amountValue: "100.00" });

interface Outcome {
  readonly harness: Harness;
  readonly psp: CountingPsp;
  readonly ended: unknown;
}

async function pay(
  body: (payment: Payment, psp: CountingPsp) => unknown,
  options: PaymentOptions = {},
  terms: Partial<PaymentTerms> = {},
): Promise<Outcome> {
  const harness = createHarness();
  const psp = new CountingPsp();
  const paid = withReservation(
    harness.authority,
    makeTerms({ mandate: hundred, ...terms }),
    (payment) => body(payment, psp),
    options,
  );
  const ended: unknown = await paid.catch((error: unknown) => error);
  return { harness, psp, ended };
}

const booked = ({ cycles }: Harness): bigint => BigInt(cycles.spent);

describe("what the body says that it charged", () => {
  it("is noted by a method that was taken off the payment", async () => {
    const { harness, psp } = await pay(async (payment, service) => {
      // oxlint-disable-next-line typescript/unbound-method -- what is tested: they are bound.
      const { charged, charging, attachReceiptFields } = payment;
      await charging();
      await charged({ reference: service.charge(payment) });
      attachReceiptFields({ note: "n" });
    });
    expect(booked(harness)).toBe(psp.total);
    expect(harness.cycles.reservations.get("rsv_1")?.committedMetadata).toEqual({ psp_ref: "ch_1", note: "n" });
  });

  it("adds up over several charges, whose references all reach the ledger", async () => {
    const { harness, psp, ended } = await pay(async (payment, service) => {
      for (const amount of [dollars(60), dollars(40)]) {
        await payment.charged({ reference: service.charge(payment, amount), amount });
      }
    });
    expect([booked(harness), psp.total]).toEqual([dollars(100), dollars(100)]);
    expect(ended).toMatchObject({ settlement: { receipt: { amount_micros: dollars(100), psp_ref: "ch_1" } } });
    expect(harness.cycles.reservations.get("rsv_1")?.committedMetadata).toEqual({
      psp_ref: "ch_1",
      psp_refs: ["ch_1", "ch_2"],
    });
  });

  it.each<[string, (payment: Payment) => Promise<void>[], bigint]>([
    [
      "the same charge stated twice",
      (p) => [p.charged({ reference: "a" }), p.charged({ reference: "a" })],
      dollars(100),
    ],
    [
      "a charge, then its amount",
      (p) => [p.charged({ reference: "a" }), p.charged({ reference: "a", amount: 7n })],
      7n,
    ],
    ["a part, then the rest", (p) => [p.charged({ amount: dollars(60) }), p.charged()], dollars(100)],
    ["the whole, then no more", (p) => [p.charged({ reference: "a" }), p.charged()], dollars(100)],
    ["nothing", (p) => [p.charged({ amount: 0n })], 0n],
  ])("%s is what is committed", async (_, state, total) => {
    const { harness } = await pay((payment) => Promise.all(state(payment)));
    expect(booked(harness)).toBe(total);
    expect(harness.cycles.reservations.get("rsv_1")?.status).toBe("COMMITTED");
  });

  it("two whole charges of one mandate are refused by the authority and kept for an operator, not forgotten", async () => {
    const { harness, psp, ended } = await pay(async (payment, service) => {
      await payment.charged({ reference: service.charge(payment) });
      await payment.charged({ reference: service.charge(payment) });
    });
    expect(psp.total).toBe(dollars(200));
    expect(ended).toBeInstanceOf(AP2GuardCommitFailed);
    expect(harness.cycles.requests("commit")[0]?.body["actual"]).toMatchObject({ amount: Number(dollars(200)) });
  });

  it.each<[string, (payment: Payment) => unknown]>([
    ["throws", (payment) => payment.charged({ amount: 100 as never })],
    ["returns all the same", (payment) => payment.charged({ amount: 100 as never }).catch(() => {})],
    [
      "stated a part before",
      async (payment) => {
        await payment.charged({ reference: "a", amount: dollars(60) });
        await payment.charged({ reference: "b", amount: "40" as never });
      },
    ],
  ])("in words that are no amount holds the payment of a body that %s, and a look-up books it", async (_, body) => {
    for (const tracksCharge of [true, false]) {
      const { harness, psp, ended } = await pay(
        (payment, service) => {
          service.charge(payment);
          return body(payment);
        },
        { tracksCharge },
      );
      expect(ended).toMatchObject({ errorCode: "PSP_OUTCOME_UNKNOWN" });
      expect([...harness.cycles.requests("commit"), ...harness.cycles.requests("release")]).toHaveLength(0);
      const lookupCharge = (): { status: "charged"; amount: bigint } => ({ status: "charged", amount: psp.total });
      await expect(recover(harness.authority, { lookupCharge })).resolves.toMatchObject({ settled: 1 });
      expect(booked(harness)).toBe(psp.total);
    }
  });

  it("corrected under the same reference is committed", async () => {
    const { harness } = await pay(async (payment) => {
      await payment.charged({ reference: "a", amount: 60 as never }).catch(() => {});
      await payment.charged({ reference: "a", amount: dollars(60) });
    });
    expect(booked(harness)).toBe(dollars(60));
  });
});

describe("a body that tracks its charge", () => {
  it("and throws after it was given the key, without charging(), is held: it may have reached the service", async () => {
    const { harness, psp, ended } = await pay(
      (payment, service) => {
        service.charge(payment);
        throw new Error("bad JSON");
      },
      { tracksCharge: true },
    );
    expect(ended).toMatchObject({ errorCode: "PSP_OUTCOME_UNKNOWN" });
    expect(harness.cycles.requests("release")).toHaveLength(0);
    expect(psp.charges).toHaveLength(1);
  });

  it("releases after abort(), which is the caller's word, though it throws", async () => {
    const { harness, ended } = await pay((payment) => {
      payment.abort(`never sent ${payment.pspIdempotencyKey}`);
      throw new RangeError("boom");
    });
    expect(ended).toBeInstanceOf(RangeError);
    expect(harness.cycles.reservations.get("rsv_1")?.status).toBe("RELEASED");
  });
});

describe("caps count what was charged", () => {
  const wide = { overagePolicy: "ALLOW_WITH_OVERDRAFT", headroomBasisPoints: 10_000 } as const;
  type Step = readonly [claimed: string, charged: number];

  async function legs(...steps: Step[]): Promise<CountingPsp> {
    const { authority } = createHarness();
    const psp = new CountingPsp();
    for (const [at, [amountValue, charged]] of steps.entries()) {
      await withReservation(
        authority,
        makeTerms({ mandate: hundred, leg: { number: at + 1, amountValue }, ...wide }),
        (payment) => payment.charged({ reference: psp.charge(payment, dollars(charged)), amount: dollars(charged) }),
      ).catch(() => {});
    }
    return psp;
  }

  it("of legs: more than was claimed leaves less, and less leaves more", async () => {
    expect((await legs(["50.00", 90], ["50.00", 50])).total).toBe(dollars(90));
    expect((await legs(["90.00", 20], ["80.00", 80])).total).toBe(dollars(100));
  });

  it("of refunds: what was given back, not what was asked for", async () => {
    const { authority } = createHarness();
    const psp = new CountingPsp();
    await withReservation(authority, makeTerms({ mandate: hundred }), () => {});
    const refund = (number: number, amount: number, really: number): Promise<unknown> =>
      guardRefund(authority, { ...makeTerms({ mandate: hundred }), refund: { number, amount: dollars(amount) } }, (p) =>
        p.charged({ reference: psp.charge(p, dollars(really)), amount: dollars(really) }),
      ).catch((error: unknown) => error);
    await refund(1, 50, 90);
    expect(await refund(2, 50, 50)).toMatchObject({ code: "ERR_AP2_ALREADY_CONSUMED" });
    await refund(3, 10, 10);
    expect(psp.total).toBe(dollars(100));
  });

  it.each([
    [["50.00", 90], ["50.00", 50], 90],
    [["80.00", 20], ["50.00", 50], 70],
  ] as const)("of a budget: after %o, %o", async (first, second, total) => {
    const { authority } = createHarness();
    const psp = new CountingPsp();
    for (const [at, [amountValue, charged]] of [first, second].entries()) {
      const limits = { frequency: "ON_DEMAND", budget: "100" };
      const mandate = makeMandate({ transactionId: `t${at}`, amountValue, openMandateHash: "omh", limits });
      await withReservation(authority, makeTerms({ mandate, ...wide }), (payment) =>
        payment.charged({ reference: psp.charge(payment, dollars(charged)), amount: dollars(charged) }),
      ).catch(() => {});
    }
    expect(psp.total).toBe(dollars(total));
  });
});

describe("what the body is given to charge", () => {
  const unitsOf = async (amountValue: string, currency: string): Promise<unknown> => {
    const quote = { id: "q", currency, rate: "1", expiresAtMs: Date.now() + 60_000 };
    let seen: unknown;
    const read = ({ minorUnits, currency: code }: Payment): void => void (seen = [minorUnits, code]);
    const { ended } = await pay(read, {}, { mandate: makeMandate({ amountValue, currency }), quote });
    return seen ?? ended;
  };

  it.each([
    ["199.00", "USD", 19_900n],
    ["1000", "JPY", 1_000n],
    ["1.234", "KWD", 1_234n],
    ["0.01", "eur", 1n],
  ])("%s %s is %s minor units", async (value, currency, units) => {
    expect(await unitsOf(value, currency)).toEqual([units, currency.toUpperCase()]);
  });

  it.each([
    ["0.005", "USD"],
    ["0.5", "JPY"],
    ["1", "XBT"],
  ])("%s %s has no whole number of them, and none is made up", async (value, currency) => {
    expect(await unitsOf(value, currency)).toMatchObject({ errorCode: "PSP_OUTCOME_UNKNOWN" });
  });

  it("a refund of nothing is refused, and its number stays free", async () => {
    const { authority } = createHarness();
    await withReservation(authority, makeTerms({ mandate: hundred }), () => {});
    const refund = (amount: bigint): Promise<unknown> =>
      guardRefund(authority, { ...makeTerms({ mandate: hundred }), refund: { number: 1, amount } }, (payment) => {
        expect(payment.minorUnits).toBe(100n);
      });
    await expect(refund(0n)).rejects.toMatchObject({ code: "ERR_AP2_MANDATE" });
    await expect(refund(dollars(1))).resolves.toMatchObject({ settlement: { status: "committed" } });
  });
});

it("a receipt is JSON: whole numbers where they are exact, text beyond", async () => {
  const { ended } = await pay((payment) => payment.attachReceiptFields({ big: 2n ** 60n }));
  const { receipt } = (ended as { readonly settlement: { readonly receipt: object } }).settlement;
  expect(JSON.parse(JSON.stringify(receipt))).toMatchObject({
    amount_micros: 10_000_000_000,
    extra: { big: String(2n ** 60n) },
  });
});
