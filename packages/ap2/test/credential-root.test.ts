import { mandateFromAP2, AP2MandateError } from "@imprest/ap2";
import { verifyMandate } from "@imprest/ap2/verify";
import { base64url, utf8 } from "@imprest/core/internal";
import { describe, expect, it } from "vitest";
import { hashText } from "../src/sd-jwt.ts";
import { type Claims, merchant, newKey, publicJwk, sign } from "./support/chains.ts";

// AP2's Android sample: the user is present, and CMWallet closes the mandates with the key of a payment credential.

const disclose = (...parts: readonly unknown[]): string => base64url(utf8(JSON.stringify(["salt", ...parts])));

interface Wallet {
  readonly issuerKey: Claims;
  /** The credential, then the wallet's token, of whose two mandates the payment is disclosed. */
  readonly present: () => Promise<string>;
}

async function openWallet(credential: Claims = {}): Promise<Wallet> {
  const [issuer, wallet, agent] = await Promise.all([newKey(), newKey(), newKey()]);
  const digits = disclose("card_last_four", "4444");
  const claims = {
    vct: "com.emvco.dpc",
    cnf: { jwk: await publicJwk(wallet) },
    _sd: [hashText(digits)],
    ...credential,
  };
  const root = `${await sign(issuer, { alg: "ES256", typ: "dc+sd-jwt", kid: "bank" }, claims)}~${digits}~`;
  const cnf = { jwk: await publicJwk(agent) };
  return {
    issuerKey: { ...(await publicJwk(issuer)), kid: "bank" },
    present: async () => {
      const payment = disclose("payment", {
        vct: "mandate.payment.1",
        transaction_id: "tx",
        payee: merchant,
        payment_amount: { amount: 5_000, currency: "USD" },
        payment_instrument: { id: "dpc", type: "dpc" },
        cnf,
      });
      const checkout = disclose("checkout", { vct: "mandate.checkout.1", checkout_hash: "tx", cnf });
      const delegated = [hashText(checkout), hashText(payment)];
      const payload = { delegate_payload: delegated, sd_hash: hashText(root), aud: "cp", nonce: "n", iat: 1 };
      return `${root}~${await sign(wallet, { alg: "ES256", typ: "kb-sd-jwt+kb" }, payload)}~${payment}~`;
    },
  };
}

describe("a mandate that the user closed with a payment credential", () => {
  it("is verified by the credential's issuer, and is one use of its transaction", async () => {
    const { issuerKey, present } = await openWallet();
    const report = await verifyMandate(await present(), { issuerKeys: [issuerKey], audience: "cp", nonce: "n" });
    expect(report).toMatchObject({
      disposition: "authentic",
      findings: [],
      mandate: { transactionId: "tx", amountValue: "50.00" },
    });
    expect(report.mandate?.openMandateHash).toBeUndefined();
  });

  it("is held to the audience, the challenge and the issuer that the verifier asks for", async () => {
    const { present } = await openWallet();
    const { issuerKey } = await openWallet();
    const report = await verifyMandate(await present(), { issuerKeys: [issuerKey], audience: "x", nonce: "y" });
    expect(report.disposition).toBe("signature_invalid");
    expect(report.findings.map(({ code }) => code)).toEqual([
      "audience_mismatch",
      "nonce_mismatch",
      "signature_invalid",
    ]);
  });

  it("is refused where the user was not present, since no open mandate is used up", async () => {
    const { present } = await openWallet();
    const chain = await present();
    expect(mandateFromAP2(chain)).toMatchObject({ transactionId: "tx" });
    expect(() => mandateFromAP2(chain, { mode: "hnp" })).toThrow(AP2MandateError);
  });

  it.each([{ vct: "mandate.payment.open.2" }, { vct: undefined }])(
    "is refused when what leads the chain is no credential: %o",
    async (credential) => {
      const { issuerKey, present } = await openWallet(credential);
      const chain = await present();
      expect((await verifyMandate(chain, { issuerKeys: [issuerKey] })).mandate).toBeUndefined();
      expect(() => mandateFromAP2(chain)).toThrow(AP2MandateError);
    },
  );
});
