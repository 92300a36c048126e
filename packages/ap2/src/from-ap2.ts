import { ValidationError } from "@imprest/core";
import { parseWire } from "@imprest/core/internal";
import {
  type CheckoutMandate,
  type OpenPaymentMandate,
  type PaymentMandate,
  checkoutMandate as checkoutMandateShape,
  openCheckoutMandate as openCheckoutMandateShape,
  openPaymentMandate as openPaymentMandateShape,
  paymentMandate as paymentMandateShape,
  paymentMandateV01,
} from "@imprest/core/models/ap2";
import { type ConsentOptions, checkConsent } from "./consent.ts";
import { limitsOf } from "./constraints.ts";
import { fromMinorUnits } from "./currency.ts";
import { AP2MandateError } from "./errors.ts";
import { inCamelCase, inSnakeCase } from "./letter-case.ts";
import { type AP2Mandate, type Delegation, checkMandate } from "./mandate.ts";
import { type SdJwt, hashText, mandateHops, mandateId, parseChain } from "./sd-jwt.ts";

/** AP2's objects, as they came: an encoded token or chain, or an object in snake or camel case. */
export type AP2Document = string | object;

/** Everything that belongs to one payment. */
export interface AP2Documents {
  /**
   * The closed payment mandate: an encoded chain (open and closed), a closed token, an AP2 v0.2 or v0.1 object, or
   * `{transaction_id, payment_amount: {value, currency}, payee: {website | identifier}}`.
   */
  readonly paymentMandate: AP2Document;
  /** The open payment mandate's token, when `paymentMandate` is not a chain. */
  readonly openPaymentMandate?: string | undefined;
  /** A chain, a closed token or an object with `checkout_hash` or `hash`. */
  readonly checkoutMandate?: AP2Document | undefined;
  /** The open checkout mandate's token, when `checkoutMandate` is not a chain. */
  readonly openCheckoutMandate?: string | undefined;
  /** A hash of the open mandate that the caller computed; used only where there is no token to derive one from. */
  readonly openMandateHash?: string | undefined;
}

/** How `mandateFromAP2` reads what the documents leave open. */
export interface FromAP2Options extends ConsentOptions {
  /** `"hnp"` (human not present) makes a missing open mandate an error; so does a token that was signed under one. */
  readonly mode?: "hnp" | "hp" | undefined;
}

/**
 * The mandate that AP2's documents stand for. Nothing is guessed: minor units are converted by the currency's exponent,
 * an amount in two forms is an error, and hashes that link documents must match. Signatures are not verified here: see
 * `verifyMandate` of `@imprest/ap2/verify`.
 * @throws AP2MandateError saying what does not fit; ValidationError for a text of a length that no mandate has.
 * @example
 * const mandate = mandateFromAP2({ paymentMandate: chain }, { mode: "hnp" });
 */
export function mandateFromAP2(input: AP2Document | AP2Documents, options: FromAP2Options = {}): AP2Mandate {
  try {
    return fromDocuments(documentsOf(input), options);
  } catch (cause) {
    if (!ValidationError.isInstance(cause) || cause.message.startsWith("mandate:")) throw cause;
    throw new AP2MandateError(`This is no AP2 mandate of a known form. ${cause.message}`, { cause });
  }
}

const documentNames: ReadonlySet<string> = new Set<keyof AP2Documents>([
  "paymentMandate",
  "openPaymentMandate",
  "checkoutMandate",
  "openCheckoutMandate",
  "openMandateHash",
]);

/** @throws AP2MandateError for a document that nothing reads: what it says would be left out. */
function documentsOf(input: AP2Document | AP2Documents): AP2Documents {
  if (typeof input !== "object" || input === null) return { paymentMandate: input };
  const documents = inCamelCase(input) as Partial<AP2Documents>;
  const named = Object.keys(documents).filter((name) => documentNames.has(name));
  if (named.length === 0) return { paymentMandate: input };
  if (documents.paymentMandate == null)
    throw new AP2MandateError(`${named[0]} needs the paymentMandate that it belongs to.`);
  const unknown = Object.keys(documents).find((name) => !documentNames.has(name));
  if (unknown !== undefined) throw new AP2MandateError(`${unknown} is none of AP2's documents; remove it.`);
  return documents as AP2Documents;
}

function fromDocuments(documents: AP2Documents, { mode, ...options }: FromAP2Options): AP2Mandate {
  const payment = readPayment(documents);
  const checkout = readCheckout(documents);
  const { closed, opens } = payment;
  if (checkout.hash !== undefined && closed !== undefined && checkout.hash !== closed.transaction_id) {
    throw new AP2MandateError("The checkout mandate is of another transaction than the payment mandate.");
  }
  if (
    payment.reference !== undefined &&
    checkout.presentationHash !== undefined &&
    payment.reference !== checkout.presentationHash
  ) {
    throw new AP2MandateError("The open payment mandate refers to another open checkout mandate.");
  }
  const [problem] = closed ? checkConsent(opens, closed, options) : [];
  if (problem) {
    throw new AP2MandateError(`The open mandate does not allow this payment: ${problem.type} ${problem.message}.`);
  }
  const links = [payment.reference ?? checkout.presentationHash, payment.openId && checkout.openId];
  const linkedHashes = links.filter((link) => link !== undefined);
  const openMandateHash = payment.openId ?? checkout.openId ?? documents.openMandateHash;
  if (openMandateHash === undefined && (mode === "hnp" || payment.isDelegated)) {
    throw new AP2MandateError(
      "The user was not present, so the open mandate is what is used up, and it is missing. Pass the chain or its token.",
    );
  }
  const limits = opens[0] && limitsOf(opens[0].constraints);
  const expiries = [...payment.expiries, ...checkout.expiries];
  return checkMandate({
    ...payment.core,
    ...(checkout.hash !== undefined && { checkoutHash: checkout.hash }),
    ...(openMandateHash !== undefined && { openMandateHash }),
    ...(linkedHashes.length > 0 && { linkedHashes }),
    ...(limits && { limits }),
    ...(payment.delegations && payment.delegations.length > 0 && { delegations: payment.delegations }),
    ...(expiries.length > 0 && { expiresAtMs: Math.min(...expiries) * 1000 }),
  });
}

type Core = Pick<AP2Mandate, "transactionId" | "amountValue" | "currency" | "payeeWebsite">;

interface ReadPayment {
  readonly core: Core;
  readonly closed?: PaymentMandate | undefined;
  /** The user's first; then those by which an agent delegated further. */
  readonly opens: readonly OpenPaymentMandate[];
  readonly openId?: string | undefined;
  readonly delegations?: readonly Delegation[] | undefined;
  /** What the open mandate says the open checkout mandate's presentation hashes to. */
  readonly reference?: string | undefined;
  /** Signed by an agent under an open mandate. */
  readonly isDelegated: boolean;
  /** Seconds since the epoch. */
  readonly expiries: readonly number[];
}

function readPayment({ paymentMandate, openPaymentMandate }: AP2Documents): ReadPayment {
  if (typeof paymentMandate !== "string") {
    refuseUnbound("openPaymentMandate", openPaymentMandate);
    return { ...readPaymentObject(paymentMandate), opens: [], isDelegated: false, expiries: [] };
  }
  const chain = hopsOf(paymentMandate, openPaymentMandate);
  const hops = mandateHops(chain);
  const { leaf, root } = endsOf(hops);
  const closed = parseWire(paymentMandateShape, leaf.mandate, "closed payment mandate");
  const opens = hops
    .slice(0, -1)
    .map(({ mandate }) => parseWire(openPaymentMandateShape, mandate, "open payment mandate"));
  return {
    core: coreOf(closed),
    closed,
    opens,
    openId: root && mandateId(root),
    delegations: hops.slice(1, -1).map((hop, at) => {
      const limits = limitsOf(opens[at + 1]?.constraints ?? []);
      return { id: mandateId(hop), ...(limits && { limits }) };
    }),
    reference: opens[0] && referenceOf(opens[0]),
    // Signed with the key of a credential, it is the user's own.
    isDelegated: hops === chain && isDelegated(leaf),
    expiries: expiriesOf(chain),
  };
}

function readPaymentObject(document: object): Pick<ReadPayment, "core" | "closed"> {
  const object = inSnakeCase(document);
  if ("payment_mandate_contents" in object) return { core: coreOfV01(object) };
  const amount = object["payment_amount"];
  const isMinor = typeof amount === "object" && amount !== null && "amount" in amount;
  const isMajor = typeof amount === "object" && amount !== null && "value" in amount;
  if (isMinor && isMajor) {
    throw new AP2MandateError("payment_amount has both amount (minor units) and value (whole units); give one.");
  }
  if (!isMinor) return { core: coreOfPlain(object) };
  const closed = parseWire(
    paymentMandateShape,
    { vct: "mandate.payment.1", payment_instrument: absent, ...object },
    "payment mandate",
  );
  return { core: coreOf(closed), closed };
}

/** Nothing in a payment depends on the instrument of an object that was not signed. */
const absent = { id: "", type: "" };

/** What the guard knows a closed mandate by. */
export function coreOf({ transaction_id: transactionId, payee, payment_amount: paid }: PaymentMandate): Core {
  const amountValue = fromMinorUnits(paid.amount, paid.currency);
  return { transactionId, amountValue, currency: paid.currency, payeeWebsite: hostOf(payee.website) ?? payee.id };
}

function coreOfV01(object: Record<string, unknown>): Core {
  const { payment_mandate_contents: contents } = parseWire(paymentMandateV01, object, "payment mandate v0.1");
  const { value, currency } = contents.payment_details_total.amount;
  const transactionId = contents.payment_details_id;
  return {
    transactionId,
    amountValue: String(value),
    currency,
    payeeWebsite: hostOf(contents.merchant_agent) ?? contents.merchant_agent,
  };
}

/** The shape that the Python guard reads; its payee stays as it is written, so that both make the same request. */
function coreOfPlain(object: Record<string, unknown>): Core {
  const {
    transaction_id: transactionId,
    payment_amount: amount,
    payee,
  } = object as Record<string, Record<string, unknown>>;
  const member = (name: string, value: unknown): string => {
    if (["string", "number", "bigint"].includes(typeof value)) return String(value);
    throw new AP2MandateError(`The payment mandate has no ${name}.`);
  };
  return {
    transactionId: member("transaction_id", transactionId),
    amountValue: member("payment_amount.value", amount?.["value"]),
    currency: member("payment_amount.currency", amount?.["currency"]),
    payeeWebsite: member("payee.website or payee.identifier", payee?.["website"] || payee?.["identifier"] || undefined),
  };
}

interface ReadCheckout {
  readonly hash?: string | undefined;
  readonly openId?: string | undefined;
  /** `sd_hash` of the open checkout mandate as presented. */
  readonly presentationHash?: string | undefined;
  readonly expiries: readonly number[];
}

function readCheckout({ checkoutMandate, openCheckoutMandate }: AP2Documents): ReadCheckout {
  if (checkoutMandate === undefined || checkoutMandate === null) return { expiries: [] };
  if (typeof checkoutMandate !== "string") {
    refuseUnbound("openCheckoutMandate", openCheckoutMandate);
    const { hash, checkout_hash: other } = inSnakeCase(checkoutMandate) as {
      readonly hash?: string;
      readonly checkout_hash?: string;
    };
    return { hash: hash ?? other, expiries: [] };
  }
  const hops = mandateHops(hopsOf(checkoutMandate, openCheckoutMandate));
  const { leaf, root } = endsOf(hops);
  const closed: CheckoutMandate = parseWire(checkoutMandateShape, leaf.mandate, "closed checkout mandate");
  if (closed.checkout_jwt !== undefined && hashText(closed.checkout_jwt) !== closed.checkout_hash) {
    throw new AP2MandateError("The checkout_hash is not the hash of the checkout_jwt.");
  }
  if (root) parseWire(openCheckoutMandateShape, root.mandate, "open checkout mandate");
  return {
    hash: closed.checkout_hash,
    openId: root && mandateId(root),
    presentationHash: root && hashText(root.presentation),
    expiries: expiriesOf(hops),
  };
}

/** @throws AP2MandateError for an open mandate beside an object: nothing shows that the one was closed under the other. */
function refuseUnbound(name: "openPaymentMandate" | "openCheckoutMandate", token: string | undefined): void {
  if (token == null) return;
  const closed = name === "openPaymentMandate" ? "paymentMandate" : "checkoutMandate";
  throw new AP2MandateError(`${name} needs the encoded ${closed} that was closed under it; an object names no other.`);
}

/** @throws AP2MandateError for a chain whose hops are not bound to one another, or whose beginning is missing. */
function hopsOf(token: string, open: string | undefined): readonly SdJwt[] {
  const hops = open == null ? parseChain(token) : [...parseChain(open), ...parseChain(token)];
  const [root] = hops;
  if (root !== undefined && hops.length > 1 && isDelegated(root)) {
    throw new AP2MandateError(
      "The chain begins with a mandate that was signed under another one. Pass the whole chain.",
    );
  }
  hops.forEach((hop, at) => {
    const before = hops[at - 1];
    if (before !== undefined) assertBound(before, hop);
  });
  return hops;
}

/**
 * Each hop names the one before it by exactly one hash (AP2 v0.2 §Delegate SD-JWT): `sd_hash` over the presentation or
 * `issuer_jwt_hash` over the JWT. @throws AP2MandateError.
 */
export function assertBound(before: SdJwt, { payload }: SdJwt): void {
  const { sd_hash: presentation, issuer_jwt_hash: jwt } = payload;
  const both = presentation !== undefined && jwt !== undefined;
  const matches =
    presentation !== undefined ? presentation === hashText(before.presentation) : jwt === hashText(before.jwt);
  if (both || !matches) throw new AP2MandateError("The closed mandate was signed under another open mandate.");
}

function endsOf(hops: readonly SdJwt[]): { readonly leaf: SdJwt; readonly root: SdJwt | undefined } {
  const leaf = hops.at(-1);
  if (leaf === undefined) throw new AP2MandateError("The encoded mandate is empty.");
  return { leaf, root: hops.length > 1 ? hops[0] : undefined };
}

function isDelegated({ payload }: SdJwt): boolean {
  return payload["sd_hash"] !== undefined || payload["issuer_jwt_hash"] !== undefined;
}

/** Every `exp` of every hop, in seconds. */
function expiriesOf(hops: readonly SdJwt[]): number[] {
  const found = hops.flatMap(({ payload, mandate }) => [payload["exp"], mandate["exp"]]);
  return found.filter((exp) => typeof exp === "number");
}

function referenceOf({ constraints }: OpenPaymentMandate): string | undefined {
  const reference = constraints.find(({ type }) => type === "payment.reference")?.["conditional_transaction_id"];
  return typeof reference === "string" ? reference : undefined;
}

/** The host of an address, in its one lower-case ASCII spelling; a bare host likewise. */
function hostOf(website: string | undefined): string | undefined {
  if (website === undefined || website === "") return undefined;
  try {
    const { hostname } = new URL(website.includes("://") ? website : `https://${website}`);
    return hostname === "" ? website : hostname;
  } catch {
    return website;
  }
}
