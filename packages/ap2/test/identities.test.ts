import {
  type AP2Mandate,
  AP2AlreadyConsumed,
  AP2PaymentDeclined,
  guardRefund,
  mandateFromAP2,
  recover,
  withReservation,
} from "@imprest/ap2";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { hashText } from "../src/sd-jwt.ts";
import { type Claims, giveConsent, merchant, newKey, publicJwk, sign } from "./support/chains.ts";
import { CountingPsp } from "./support/counting-psp.ts";
import { base64url, utf8 } from "@imprest/core/internal";
import { type Harness, createHarness, makeTerms, otherWorker } from "./support/harness.ts";

// One purchase is one use, whichever of its forms is presented; what was charged equals the books.

const range = { type: "payment.amount_range", currency: "USD", max: 20_000 };
const amount = { payment_amount: { amount: 5_000, currency: "USD" } };
const object = (transactionId: string): Claims => ({
  vct: "mandate.payment.1",
  transaction_id: transactionId,
  payee: merchant,
  payment_instrument: { id: "card_1", type: "card" },
  ...amount,
});

/** A checkout mandate whose open one has a rule that may be left undisclosed. */
async function openCheckout(): Promise<{
  readonly full: string;
  close(isFull: boolean, jwt: string): Promise<string>;
}> {
  const [wallet, agent] = await Promise.all([newKey(), newKey()]);
  const other = base64url(utf8(JSON.stringify(["salt", { id: "m2", name: "Other" }])));
  const open = {
    vct: "mandate.checkout.open.1",
    constraints: [{ type: "checkout.allowed_merchants", allowed: [{ "...": hashText(other) }, merchant] }],
    cnf: { jwk: await publicJwk(agent) },
  };
  const root = await sign(wallet, { alg: "ES256", typ: "dc+sd-jwt", kid: "w" }, { delegate_payload: [open] });
  const [full, redacted] = [`${root}~${other}~`, `${root}~`];
  return {
    full,
    async close(isFull, jwt) {
      const shown = isFull ? full : redacted;
      const closed = { vct: "mandate.checkout.1", checkout_jwt: jwt, checkout_hash: hashText(jwt) };
      const payload = { delegate_payload: [closed], sd_hash: hashText(shown) };
      return `${shown}~${await sign(agent, { alg: "ES256", typ: "kb+sd-jwt" }, payload)}~`;
    },
  };
}

type Form = "chain" | "object" | "camel" | "v01" | "plain" | "chain+checkout" | "object+checkout" | "object+redacted";

/** Every form of one purchase. */
async function forms(): Promise<Readonly<Record<Form, AP2Mandate>>> {
  const checkout = await openCheckout();
  const reference = { type: "payment.reference", conditional_transaction_id: hashText(checkout.full) };
  const consent = await giveConsent({ constraints: [range, reference] });
  const jwt = "e30.e30.one";
  const id = hashText(jwt);
  const chain = await consent.close(object(id));
  const closed = object(id);
  const v01 = {
    payment_mandate_contents: {
      payment_mandate_id: "pm",
      payment_details_id: id,
      payment_details_total: { label: "Total", amount: { currency: "USD", value: 50 } },
      merchant_agent: "demo-merchant.example",
      payment_response: {},
      timestamp: "2026-01-01T00:00:00Z",
    },
  };
  const camel = { vct: "mandate.payment.1", transactionId: id, payee: merchant, paymentAmount: amount.payment_amount };
  const plain = {
    transaction_id: ` ${id}\u00a0`,
    payment_amount: { value: "50.00", currency: "usd" },
    payee: { website: "x" },
  };
  const [shown, hidden] = await Promise.all([checkout.close(true, jwt), checkout.close(false, jwt)]);
  return {
    chain: mandateFromAP2(chain),
    object: mandateFromAP2(closed),
    camel: mandateFromAP2(camel),
    v01: mandateFromAP2(v01),
    plain: mandateFromAP2(plain),
    "chain+checkout": mandateFromAP2({ paymentMandate: chain, checkoutMandate: shown }),
    "object+checkout": mandateFromAP2({ paymentMandate: closed, checkoutMandate: shown }),
    "object+redacted": mandateFromAP2({ paymentMandate: closed, checkoutMandate: hidden }),
  };
}

const names: readonly Form[] = [
  "chain",
  "object",
  "camel",
  "v01",
  "plain",
  "chain+checkout",
  "object+checkout",
  "object+redacted",
];

async function pay(harness: Harness, mandate: AP2Mandate, psp: CountingPsp): Promise<unknown> {
  return withReservation(otherWorker(harness), makeTerms({ mandate }), (payment) =>
    payment.charged({ reference: psp.charge(payment) }),
  ).then(
    ({ settlement }) => settlement.status,
    (error: unknown) => error,
  );
}

describe("one purchase", () => {
  const pairs = names.flatMap((first) =>
    names.filter((second) => second !== first).map((second) => [first, second] as const),
  );
  it.each(pairs)("is one use as %s, then as %s", async (first, second) => {
    const harness = createHarness();
    const psp = new CountingPsp();
    const all = await forms();
    expect(await pay(harness, all[first], psp)).toBe("committed");
    expect(await pay(harness, all[second], psp)).toBeInstanceOf(AP2AlreadyConsumed);
    expect(psp.charges).toHaveLength(1);
    expect(BigInt(harness.cycles.spent)).toBe(psp.total);
  });

  it("in any forms, any order, at once or one after the other, is charged at most once", async () => {
    const all = await forms();
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.constantFrom(...names), { minLength: 2, maxLength: 6 }),
        fc.boolean(),
        async (picked, atOnce) => {
          const harness = createHarness();
          const psp = new CountingPsp();
          const runs = picked.map((form) => () => pay(harness, all[form], psp));
          if (atOnce) await Promise.all(runs.map((run) => run()));
          else for (const run of runs) await run();
          expect(psp.charges).toHaveLength(1);
          expect(BigInt(harness.cycles.spent)).toBe(psp.total);
        },
      ),
      { numRuns: 100 },
    );
  });

  it("that was declined in one form is tried again in another, under the next PSP key", async () => {
    const harness = createHarness();
    const all = await forms();
    const keys: string[] = [];
    const decline = withReservation(harness.authority, makeTerms({ mandate: all.object }), (payment) => {
      keys.push(payment.pspIdempotencyKey);
      throw new AP2PaymentDeclined("no");
    });
    await expect(decline).rejects.toThrow("no");
    await withReservation(harness.authority, makeTerms({ mandate: all.chain }), (payment) => {
      keys.push(payment.pspIdempotencyKey);
    });
    expect(keys[1]).toBe(`${keys[0]}:e1`);
  });

  it("whose outcome is unknown in one form keeps its PSP key in another", async () => {
    const harness = createHarness();
    const psp = new CountingPsp({ honoursKeys: true });
    const all = await forms();
    const lost = withReservation(harness.authority, makeTerms({ mandate: all.object }), (payment) => {
      psp.charge(payment);
      throw new Error("lost");
    });
    await expect(lost).rejects.toMatchObject({ errorCode: "PSP_OUTCOME_UNKNOWN" });
    await recover(harness.authority, { absentAfterMs: 0, lookupCharge: () => ({ status: "none" }) });
    expect(await pay(harness, all.chain, psp)).toBe("committed");
    expect(psp.charges).toHaveLength(1);
  });

  it("is refunded once for each number, in whichever form it is asked for", async () => {
    const all = await forms();
    for (const [first, second] of [
      ["chain", "object"],
      ["object", "chain+checkout"],
      ["object+redacted", "chain"],
    ] as const) {
      const harness = createHarness();
      const psp = new CountingPsp();
      await pay(harness, all[first], psp);
      let back = 0n;
      for (const form of [first, second]) {
        const terms = { ...makeTerms({ mandate: all[form] }), refund: { number: 1, amount: psp.total } };
        await guardRefund(harness.authority, terms, (payment) => void (back += payment.microcents)).catch(() => {});
      }
      expect(back).toBe(psp.total);
    }
  });
});

describe("an open mandate whose purchase was first presented without it", () => {
  it("is used up by that purchase once it comes", async () => {
    const harness = createHarness();
    const psp = new CountingPsp();
    const consent = await giveConsent({ constraints: [range] });
    const chains = await Promise.all(["a", "b"].map((id) => consent.close(object(id))));
    const [first, second] = chains.map((chain) => mandateFromAP2(chain));
    expect(await pay(harness, mandateFromAP2(object("a")), psp)).toBe("committed");
    expect(await pay(harness, first as AP2Mandate, psp)).toBeInstanceOf(AP2AlreadyConsumed);
    expect(await pay(harness, second as AP2Mandate, psp)).toBeInstanceOf(AP2AlreadyConsumed);
    expect(psp.charges).toHaveLength(1);
  });

  it("counts that purchase in its budget", async () => {
    const harness = createHarness();
    const psp = new CountingPsp();
    const budget = { type: "payment.budget", currency: "USD", max: 120 };
    const recurs = { type: "payment.agent_recurrence", frequency: "ON_DEMAND" };
    const consent = await giveConsent({ constraints: [range, recurs, budget] });
    await pay(harness, mandateFromAP2(object("a")), psp);
    for (const id of ["a", "b", "c"]) await pay(harness, mandateFromAP2(await consent.close(object(id))), psp);
    expect(psp.charges).toHaveLength(2);
  });

  it("does not keep another purchase, of another open mandate, from being made", async () => {
    const harness = createHarness();
    const psp = new CountingPsp();
    for (const id of ["a", "b"]) {
      const consent = await giveConsent({ constraints: [range], nonce: id });
      expect(await pay(harness, mandateFromAP2(await consent.close(object(id))), psp)).toBe("committed");
    }
    expect(psp.charges).toHaveLength(2);
  });
});
