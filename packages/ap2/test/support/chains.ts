import { base64url, utf8 } from "@imprest/core/internal";
import { hashText } from "../../src/sd-jwt.ts";

export type Claims = Readonly<Record<string, unknown>>;

export function newKey(): Promise<CryptoKeyPair> {
  return crypto.subtle.generateKey({ name: "ECDSA", namedCurve: "P-256" }, true, ["sign", "verify"]);
}

export async function publicJwk(pair: CryptoKeyPair): Promise<Claims> {
  const { x, y } = await crypto.subtle.exportKey("jwk", pair.publicKey);
  return { kty: "EC", crv: "P-256", x, y };
}

/** A JWS in compact form, signed with ES256. */
export async function sign(key: CryptoKeyPair, header: object, payload: object): Promise<string> {
  const input = `${base64url(utf8(JSON.stringify(header)))}.${base64url(utf8(JSON.stringify(payload)))}`;
  const bytes = utf8(input) as Uint8Array<ArrayBuffer>;
  const signature = await crypto.subtle.sign({ name: "ECDSA", hash: "SHA-256" }, key.privateKey, bytes);
  return `${input}.${base64url(new Uint8Array(signature))}`;
}

/** A user's open mandate, and what an agent closes and a verifier answers under it. */
export interface Consent {
  readonly issuerKey: Claims;
  /** The key of whoever answers mandates. */
  readonly verifierKey: Claims;
  /** A chain: the open mandate, further open ones if any, and a closed one with `claims`. */
  close(claims?: Claims, middle?: Claims): Promise<string>;
  /** Several payments closed under one and the same open mandate, or under one further one. */
  closeAll(payments: readonly Claims[], middle?: Claims): Promise<string[]>;
  /** A rejection receipt for a chain. */
  reject(chain: string, claims?: Claims): Promise<string>;
}

export const merchant = { id: "merchant_1", name: "Demo Merchant", website: "https://demo-merchant.example" };

/** A closed mandate of $99.00. */
export const closedPayment = {
  vct: "mandate.payment.1",
  transaction_id: "tx_1",
  payee: merchant,
  payment_amount: { amount: 9_900, currency: "USD" },
  payment_instrument: { id: "card_1", type: "card" },
};

export async function giveConsent(open: Claims = {}): Promise<Consent> {
  const [issuer, agent, verifier] = await Promise.all([newKey(), newKey(), newKey()]);
  const cnf = { jwk: await publicJwk(agent) };
  const constraints = [{ type: "payment.reference", conditional_transaction_id: hashText(JSON.stringify(open)) }];
  const base = { vct: "mandate.payment.open.1", constraints, cnf, iat: 1, ...open };
  const root = `${await sign(issuer, { alg: "ES256", typ: "dc+sd-jwt", kid: "k1" }, { delegate_payload: [{ nonce: crypto.randomUUID(), ...base }] })}~`;
  const hop = async (before: string, typ: string, mandate: object): Promise<string> =>
    `${await sign(agent, { alg: "ES256", typ }, { delegate_payload: [mandate], sd_hash: hashText(before) })}~`;
  async function closeAll(payments: readonly Claims[], middle?: Claims): Promise<string[]> {
    const further = { vct: "mandate.payment.open.1", constraints, cnf, ...middle };
    const between = middle && (await hop(root, "kb+sd-jwt+kb", further));
    return Promise.all(
      payments.map(async (claims) => {
        const leaf = await hop(between ?? root, "kb+sd-jwt", { ...closedPayment, ...claims });
        return between === undefined ? `${root}~${leaf}` : `${root}~${between}~${leaf}`;
      }),
    );
  }
  return {
    issuerKey: { ...(await publicJwk(issuer)), kid: "k1" },
    verifierKey: await publicJwk(verifier),
    async close(claims = {}, middle) {
      const [chain = ""] = await closeAll([claims], middle);
      return chain;
    },
    closeAll,
    reject(chain, claims = {}) {
      const reference = hashText(chain.split("~~").at(-1) ?? "");
      const iat = Math.floor(Date.now() / 1000);
      const receipt = { status: "Error", iss: "cp.example", iat, reference, error: "invalid_mandate", ...claims };
      return sign(verifier, { alg: "ES256", typ: "JWT" }, receipt);
    },
  };
}
