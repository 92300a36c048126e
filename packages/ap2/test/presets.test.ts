import { mandateFromAP2 } from "@imprest/ap2";
import { verifyMandate } from "@imprest/ap2/verify";
import { describe, expect, it } from "vitest";
import { type Claims, giveConsent, merchant } from "./support/chains.ts";
import { conformance, isMissing } from "./support/conformance.ts";

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
    expect(report.findings).toMatchObject([{ severity: "error", code: "unusable_mandate" }]);
    expect(report.findings[0]?.message).toContain(message);
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

interface Minted {
  readonly now: number;
  readonly cases: readonly {
    readonly name: string;
    readonly chain?: string;
    readonly issuerKeys: readonly Claims[];
    readonly audience?: string;
    readonly nonce?: string;
    readonly theirs?: { readonly ok: boolean } | null;
  }[];
}

/** What AP2's SDK accepts and this package has never read: each for a reason that has nothing to do with presets. */
const stricter: ReadonlySet<string> = new Set([
  "hp: closed mandate signed by the user, alone",
  "root typ absent-like JWT",
  "root key by x5c under a trusted CA",
  "constraint: amount 2^53+1",
  "constraint: currency USDC",
  "constraint: allowed_pisps ok",
  "constraint: execution_date window, none in the payment",
  "constraint: execution_date past window, none in the payment",
]);

describe.skipIf(isMissing)("chains that AP2's own SDK minted", () => {
  const { now, cases } = (isMissing ? { now: 0, cases: [] } : conformance("minted-chains.json")) as Minted;
  const judged = cases.filter(({ chain, theirs }) => chain !== undefined && theirs);
  const verify = ({ chain = "", issuerKeys, audience, nonce }: Minted["cases"][number]) =>
    verifyMandate(chain, { issuerKeys, audience, nonce, nowMs: now * 1000, toleranceMs: 300_000 });

  it("are all there", () => expect(cases).toHaveLength(71));
  it.each(judged.filter(({ name, theirs }) => theirs?.ok && !stricter.has(name)))(
    "$name is accepted",
    async (minted) => {
      expect(await verify(minted)).toMatchObject({ disposition: "authentic", findings: [], mandate: {} });
      expect(() => mandateFromAP2(minted.chain ?? "")).not.toThrow();
    },
  );
  it.each(
    judged.filter(({ name, theirs }) => !theirs?.ok && (name.startsWith("preset:") || name.startsWith("3 hops"))),
  )("$name is refused", async (minted) => {
    expect((await verify(minted)).mandate).toBeUndefined();
    expect(() => mandateFromAP2(minted.chain ?? "")).toThrow(/does not allow this payment/);
  });
});
