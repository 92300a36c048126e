import { mandateFromAP2 } from "@imprest/ap2";
import { verifyMandate } from "@imprest/ap2/verify";
import { describe, expect, it } from "vitest";
import { type Claims, giveConsent, merchant } from "./support/chains.ts";

const amount = { amount: 9_900, currency: "USD" };
const card = { id: "card_1", type: "card" };

describe("what an open mandate fixes", () => {
  it.each<[string, Claims, Claims]>([
    ["payee", { payee: merchant }, { payee: { id: "evil", name: "E", website: "https://e.example" } }],
    ["payee", { payee: merchant }, { payee: { ...merchant, website: "https://e.example" } }],
    ["payee", { payee: { ...merchant, id: "" } }, { payee: { ...merchant, id: "", name: "E" } }],
    ["payment_amount", { payment_amount: { amount: 9_899, currency: "USD" } }, {}],
    ["payment_amount", { payment_amount: { amount: 9_900, currency: "EUR" } }, {}],
    ["payment_instrument", { payment_instrument: { id: "card_2", type: "card" } }, {}],
    ["payment_instrument", { payment_instrument: { ...card, type: "account" } }, {}],
    ["execution_date", { execution_date: "2026-11-29T14:04:35Z" }, { execution_date: "2026-12-03T14:04:35Z" }],
    ["execution_date", { execution_date: "2026-11-29T14:04:35Z" }, {}],
    ["pisp", { pisp: { legal_name: "P", domain_name: "p.example" } }, {}],
    ["pisp", { pisp: { domain_name: "p.example" } }, { pisp: { domain_name: "e.example" } }],
  ])("%s: a closed mandate that differs is refused, by either of two open mandates", async (claim, fixed, chosen) => {
    const message = `The open mandate does not allow this payment: ${claim} is fixed`;
    const consent = await giveConsent(fixed);
    const chain = await consent.close(chosen);
    expect(() => mandateFromAP2(chain)).toThrow(message);
    expect(() => mandateFromAP2(chain, { checkConstraints: false })).toThrow(message);
    const report = await verifyMandate(chain, { issuerKeys: [consent.issuerKey] });
    const reported = expect.stringContaining(`${claim} is fixed by the open mandate`);
    expect(report.findings).toContainEqual(
      expect.objectContaining({ severity: "error", code: "consent_broken", pointer: "/0", message: reported }),
    );
    expect(report.mandate).toBeUndefined();
    const free = await giveConsent();
    const further = await free.close(chosen, fixed);
    expect(() => mandateFromAP2(further)).toThrow(message);
    expect((await verifyMandate(further, { issuerKeys: [free.issuerKey] })).mandate).toBeUndefined();
  });

  it.each<[string, Claims, Claims]>([
    ["everything the same", { payee: merchant, payment_amount: amount, payment_instrument: card }, {}],
    ["another spelling of the payee's name", { payee: { ...merchant, name: "DEMO MERCHANT" } }, {}],
    ["the payee's website left out", { payee: merchant }, { payee: { id: merchant.id, name: merchant.name } }],
    [
      "a description that is not fixed",
      { payment_instrument: card },
      { payment_instrument: { ...card, description: "x" } },
    ],
    ["nothing fixed, said with null", { payment_instrument: null, pisp: null, execution_date: null }, {}],
    ["the same date", { execution_date: "2026-11-29T14:04:35Z" }, { execution_date: "2026-11-29T14:04:35Z" }],
  ])("%s is allowed", async (_, fixed, chosen) => {
    const consent = await giveConsent(fixed);
    const chain = await consent.close(chosen);
    expect(mandateFromAP2(chain)).toMatchObject({ amountValue: "99.00" });
    const { disposition, mandate } = await verifyMandate(chain, { issuerKeys: [consent.issuerKey] });
    expect({ disposition, transactionId: mandate?.transactionId }).toEqual({
      disposition: "authentic",
      transactionId: "tx_1",
    });
  });

  it("a rule of the mandate by which an agent delegated further holds too", async () => {
    const consent = await giveConsent();
    const constraints = [{ type: "payment.amount_range", currency: "USD", max: 5_000 }];
    const chain = await consent.close({}, { constraints });
    expect(() => mandateFromAP2(chain)).toThrow(/payment.amount_range allows 0 to 5000/);
    expect(mandateFromAP2(chain, { checkConstraints: false })).toMatchObject({ amountValue: "99.00" });
  });
});
