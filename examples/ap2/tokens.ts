import type { Jwk } from "@imprest/core/audit";

/** The user's consent as AP2 v0.2 writes it: an open mandate, and a way for the agent to close it. */
export interface Consent {
  /** The public key that the open mandate was signed with, for whoever verifies it. */
  readonly issuerKey: Jwk;
  /** An encoded chain for one purchase, signed by the agent while the user is away. */
  close(transactionId: string, minorUnits: number): Promise<string>;
}

const merchant = { id: "merchant_1", name: "Demo Merchant", website: "https://merchant.example" };
const kid = "wallet-1";

/** Signs an open payment mandate (at most $200.00, to one merchant, for one hour) with fresh keys. */
export async function giveConsent(): Promise<Consent> {
  const [wallet, agent] = await Promise.all([newKey(), newKey()]);
  const nowSeconds = Math.floor(Date.now() / 1000);
  const open = {
    vct: "mandate.payment.open.1",
    constraints: [
      { type: "payment.amount_range", currency: "USD", max: 20_000 },
      { type: "payment.allowed_payees", allowed: [merchant] },
      {
        type: "payment.reference",
        conditional_transaction_id: Buffer.from(crypto.getRandomValues(new Uint8Array(32))).toString("base64url"),
      },
    ],
    cnf: { jwk: await publicKey(agent) },
    iat: nowSeconds,
    exp: nowSeconds + 3_600,
  };
  const root = await delegate(wallet, { alg: "ES256", typ: "dc+sd-jwt", kid }, open);
  return {
    issuerKey: { ...(await publicKey(wallet)), kid },
    async close(transactionId, minorUnits) {
      const closed = {
        vct: "mandate.payment.1",
        transaction_id: transactionId,
        payee: merchant,
        payment_amount: { amount: minorUnits, currency: "USD" },
        payment_instrument: { id: "card_1", type: "card" },
      };
      const binding = { sd_hash: await hash(root), iat: nowSeconds, aud: "psp", nonce: crypto.randomUUID() };
      return `${root}~${await delegate(agent, { alg: "ES256", typ: "kb+sd-jwt" }, closed, binding)}`;
    },
  };
}

/** Signs a mandate by its digest and discloses it beside, as AP2's own SDK does: it reads no token without a disclosure. */
async function delegate(pair: CryptoKeyPair, header: object, mandate: object, binding: object = {}): Promise<string> {
  const disclosure = encode([crypto.randomUUID(), mandate]);
  const payload = { ...binding, _sd_alg: "sha-256", delegate_payload: [{ "...": await hash(disclosure) }] };
  return `${await sign(pair, header, payload)}~${disclosure}~`;
}

function newKey(): Promise<CryptoKeyPair> {
  return crypto.subtle.generateKey({ name: "ECDSA", namedCurve: "P-256" }, true, ["sign", "verify"]);
}

async function publicKey(pair: CryptoKeyPair): Promise<Jwk> {
  const { kty, crv, x, y } = await crypto.subtle.exportKey("jwk", pair.publicKey);
  return { kty, crv, x, y };
}

async function hash(text: string): Promise<string> {
  return Buffer.from(await crypto.subtle.digest("SHA-256", bytes(text))).toString("base64url");
}

async function sign(pair: CryptoKeyPair, header: object, payload: object): Promise<string> {
  const input = `${encode(header)}.${encode(payload)}`;
  const signature = await crypto.subtle.sign({ name: "ECDSA", hash: "SHA-256" }, pair.privateKey, bytes(input));
  return `${input}.${Buffer.from(signature).toString("base64url")}`;
}

function encode(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString("base64url");
}

function bytes(text: string): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(text);
}
