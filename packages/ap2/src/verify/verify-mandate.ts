import type { Disposition, Finding, Jwk, JsonObject, VerificationReport } from "@imprest/core/audit";
import { ValidationError } from "@imprest/core";
import { parseWire } from "@imprest/core/internal";
import { openPaymentMandate, paymentMandate } from "@imprest/core/models/ap2";
import { checkConsent } from "../consent.ts";
import { clockSkewMs } from "../draft.ts";
import { AP2MandateError } from "../errors.ts";
import { assertBound, mandateFromAP2 } from "../from-ap2.ts";
import type { AP2Mandate } from "../mandate.ts";
import { type SdJwt, isObject, mandateHops, parseChain } from "../sd-jwt.ts";
import { isSigned, readKey } from "./es256.ts";
import { type Issuers, type ResolveX5c, issuerKeysOf } from "./issuer.ts";

/** What a mandate is held to: issuers, time, audience, nonce. */
export interface VerifyMandateOptions {
  /**
   * The keys of whoever issues open mandates, as JWKs with `kid`. Without them nobody vouches for the open mandate, and a
   * sound chain is at best `binding_only`.
   */
  readonly issuerKeys?: readonly Jwk[] | undefined;
  /**
   * Judges the certificates of an open mandate that has an `x5c` header; its `kid` counts for nothing then. `certifiedBy` of
   * `@imprest/ap2/node` makes one of the authorities that you trust. Without it an `x5c` header is not looked at.
   */
  readonly resolveX5c?: ResolveX5c | undefined;
  /** Epoch milliseconds; the present when absent. */
  readonly nowMs?: number | undefined;
  /** How far clocks may differ, in milliseconds; five minutes when absent, as in AP2's SDK. */
  readonly toleranceMs?: number | undefined;
  /** Whom the closed mandate must be for (`aud`). */
  readonly audience?: string | undefined;
  /** The challenge that the closed mandate must answer (`nonce`). */
  readonly nonce?: string | undefined;
}

/** What verifying an encoded mandate established. */
export interface MandateReport extends VerificationReport {
  /** What is left of it for the guard: only of a payment mandate without an error. */
  readonly mandate?: AP2Mandate | undefined;
}

// Each in the draft's spelling and in that of wallets that run (AP2's SDK reads both).
const delegatingTypes: ReadonlySet<unknown> = new Set(["kb+sd-jwt+kb", "kb-sd-jwt+kb"]);
const closingTypes: ReadonlySet<unknown> = new Set(["kb+sd-jwt", "kb-sd-jwt"]);

/**
 * Verifies an encoded payment or checkout mandate: the signature of each hop by the key that the hop before it names, the
 * hash by which it is bound to that hop, every disclosure's digest, types and dates (AP2 v0.2 §Verification).
 * @param chain open and closed mandates joined by `~~`; `[open, closed]` does as well.
 * @returns a report, for any input. What is not proven is in its disposition and findings.
 * @throws what `resolveX5c` throws.
 * @example
 * const report = await verifyMandate(chain, { issuerKeys, audience, nonce });
 * if (report.disposition !== "authentic" || hasErrors(report) || report.mandate === undefined)
 *   throw new Error(report.findings.map(({ message }) => message).join(" "));
 * await pay(report.mandate);
 */
export async function verifyMandate(
  chain: string | readonly string[],
  options: VerifyMandateOptions = {},
): Promise<MandateReport> {
  let hops: readonly SdJwt[];
  try {
    hops = [chain].flat().flatMap((part) => parseChain(part));
    hops.forEach((hop, at) => at > 0 && assertBound(hops[at - 1] ?? hop, hop));
  } catch (error) {
    if (!AP2MandateError.isInstance(error)) throw error;
    return { disposition: "signature_invalid", findings: [finding("signature", "malformed_mandate", error.message)] };
  }
  const findings = hops.flatMap((hop, at) => [...typeFindings(hop, at, hops), ...dateFindings(hop, at, options)]);
  findings.push(...expectationFindings(hops.at(-1), options));
  const { disposition, problem } = await judge(hops, options);
  if (problem) findings.push(problem);
  const isBound = disposition === "authentic" || disposition === "binding_only";
  findings.push(...consentFindings(hops, options.nowMs));
  if (!isBound || findings.some(({ severity }) => severity === "error")) return { disposition, findings };
  return withMandate(chain, hops, { disposition, findings }, options.nowMs);
}

function withMandate(
  chain: string | readonly string[],
  hops: readonly SdJwt[],
  report: VerificationReport,
  nowMs: number | undefined,
): MandateReport {
  if (hops.at(-1)?.mandate["vct"] !== "mandate.payment.1") return report;
  const [open, ...closed] = typeof chain === "string" ? [chain] : chain;
  const documents = closed.length === 0 ? (open ?? "") : { paymentMandate: closed.join("~"), openPaymentMandate: open };
  try {
    return { ...report, mandate: mandateFromAP2(documents, { nowMs }) };
  } catch (error) {
    const message = error instanceof Error ? error.message : "The mandate cannot be used.";
    return { ...report, findings: [...report.findings, finding("schema", "unusable_mandate", message)] };
  }
}

/** What each mandate of the chain fixed or allowed, and the payment does not keep to: all of it, not the first alone. */
function consentFindings(hops: readonly SdJwt[], nowMs: number | undefined): Finding[] {
  const leaf = hops.at(-1);
  if (leaf?.mandate["vct"] !== "mandate.payment.1") return [];
  try {
    const closed = parseWire(paymentMandate, leaf.mandate, "closed payment mandate");
    const mandates = mandateHops(hops);
    const opens = mandates.slice(0, -1).map(({ mandate }) => parseWire(openPaymentMandate, mandate, "open mandate"));
    return checkConsent(opens, closed, { nowMs }).map(({ hop, type, message }) =>
      finding("schema", "consent_broken", `${type} ${message}.`, hop + hops.length - mandates.length),
    );
  } catch (error) {
    // A mandate of no known form, or an amount in no known currency: making one for the guard says which.
    if (ValidationError.isInstance(error) || AP2MandateError.isInstance(error)) return [];
    throw error;
  }
}

interface Judgement {
  readonly disposition: Disposition;
  readonly problem?: Finding | undefined;
}

async function judge(hops: readonly SdJwt[], issuers: Issuers): Promise<Judgement> {
  for (const [at, hop] of hops.entries()) {
    const before = hops[at - 1];
    if (before !== undefined && !(await isSignedUnder(before, hop))) {
      return invalid(at, "The signature is not one by the key that the hop before it names.");
    }
  }
  const [root] = hops;
  if (root === undefined) return invalid(0, "There is nothing in it.");
  const keys = await issuerKeysOf(root, issuers);
  if (keys === undefined) {
    if (hops.length > 1) return { disposition: "binding_only" };
    const message = "Nobody vouches for this mandate: give issuerKeys, or resolveX5c for one with certificates.";
    return { disposition: "signer_resolution_failed", problem: finding("signer", "no_issuer_keys", message) };
  }
  if (keys.length === 0) {
    const message =
      "The key that the open mandate names is none of the issuer's, and no trusted authority certifies it.";
    return { disposition: "signer_authority_failed", problem: finding("signer", "unknown_issuer_key", message) };
  }
  for (const key of keys) {
    if (await isSigned(key, root.signingInput, root.signature)) return { disposition: "authentic" };
  }
  return invalid(0, "The issuer's signature is not valid.");
}

/** AP2 v0.2 §Delegate SD-JWT: the open mandate's `cnf` names the key of whoever may close it. */
async function isSignedUnder({ mandate }: SdJwt, hop: SdJwt): Promise<boolean> {
  const { cnf } = mandate;
  const jwk = isObject(cnf) ? cnf["jwk"] : undefined;
  const key = isObject(jwk) ? await readKey(jwk) : undefined;
  return key !== undefined && isSigned(key, hop.signingInput, hop.signature);
}

function typeFindings({ header, mandate, payload }: SdJwt, at: number, hops: readonly SdJwt[]): Finding[] {
  const { alg, typ } = header;
  const count = hops.length;
  const isLast = at === count - 1;
  // CMWallet names the agent's key in what the user closed, and AP2's SDK reads it; nothing can be chained to it here.
  const isClosedByUser = count === 2 && isLast && mandateHops(hops) !== hops;
  // Neither RFC 9901 nor AP2 names the type of what an issuer signs; it is only no key binding.
  const isRoot = at === 0 && !delegatingTypes.has(typ) && !closingTypes.has(typ);
  const isRightType =
    isRoot ||
    (at > 0 && (isLast ? closingTypes : delegatingTypes).has(typ)) ||
    (isClosedByUser && delegatingTypes.has(typ));
  // A closed token that came alone is judged as what it says it is.
  const isAlone = count === 1 && closingTypes.has(typ);
  const found: Finding[] = [];
  if (alg !== "ES256") found.push(finding("signature", "wrong_algorithm", "Mandates are signed with ES256.", at));
  if (!isRightType && !isAlone)
    found.push(finding("signature", "wrong_type", "The token's typ is not that of its place.", at));
  if (at > 0 && isLast && !isClosedByUser && (mandate["cnf"] !== undefined || payload["cnf"] !== undefined)) {
    found.push(finding("signature", "delegates_further", "A closed mandate must not name a further key.", at));
  }
  return found;
}

function dateFindings(
  hop: SdJwt,
  at: number,
  { nowMs = Date.now(), toleranceMs = clockSkewMs }: VerifyMandateOptions,
): Finding[] {
  const dates = (name: string): number[] =>
    [hop.payload[name], hop.mandate[name]].filter((date) => typeof date === "number").map((seconds) => seconds * 1000);
  const found: Finding[] = [];
  if (dates("exp").some((exp) => exp <= nowMs - toleranceMs)) {
    found.push(finding("schema", "expired", "The mandate has expired.", at));
  }
  if ([...dates("iat"), ...dates("nbf")].some((from) => from > nowMs + toleranceMs)) {
    found.push(finding("schema", "not_yet_valid", "The mandate is from the future.", at));
  }
  return found;
}

function expectationFindings(closed: SdJwt | undefined, { audience, nonce }: VerifyMandateOptions): Finding[] {
  const payload: JsonObject = closed?.payload ?? {};
  const found: Finding[] = [];
  if (audience !== undefined && payload["aud"] !== audience) {
    found.push(finding("expectation", "audience_mismatch", "The closed mandate is for somebody else."));
  }
  if (nonce !== undefined && payload["nonce"] !== nonce) {
    found.push(finding("expectation", "nonce_mismatch", "The closed mandate answers another challenge."));
  }
  return found;
}

function invalid(at: number, message: string): Judgement {
  return { disposition: "signature_invalid", problem: finding("signature", "signature_invalid", message, at) };
}

/** @param hop counted from 0, the open mandate. */
function finding(kind: Finding["kind"], code: string, message: string, hop?: number): Finding {
  return { kind, severity: "error", code, message, ...(hop !== undefined && { pointer: `/${hop}` }) };
}
