import { ValidationError } from "@imprest/core";
import { parseBase64url, parseWire } from "@imprest/core/internal";
import { type Finding, type Jwk, type VerificationReport, StrictJsonError, parseStrictJson } from "@imprest/core/audit";
import { type MandateReceipt, mandateReceipt } from "@imprest/core/models/ap2";
import { hashText, parseChain } from "../sd-jwt.ts";
import { isSigned, readKey } from "./es256.ts";

/** What a mandate receipt is held to: its signer and the mandate it answers. */
export interface VerifyMandateReceiptOptions {
  /** The key of whoever answers mandates: the credential provider or the merchant. */
  readonly key: Jwk;
  /** The encoded mandate that the receipt must answer. */
  readonly mandate: string;
  /** Who must have issued it (`iss`). */
  readonly issuer?: string | undefined;
}

/** What verifying one receipt established. */
export interface MandateReceiptReport extends VerificationReport {
  /** The receipt, and what it says of the mandate: only when nothing is wrong with it. */
  readonly receipt?: MandateReceipt | undefined;
  readonly outcome?: "success" | "error" | undefined;
}

/**
 * Verifies the signed answer to a mandate (AP2 v0.2 §Receipts). Its `reference` may be the hash of the whole presentation,
 * as the specification has it, or of the closed JWT alone, as the reference SDK does.
 * @returns a report, for any receipt and key. @throws AP2MandateError for a `mandate` that is no chain.
 * @example
 * const { outcome, findings } = await verifyMandateReceipt(receipt, { key: verifierKey, mandate: chain });
 * if (outcome === undefined) throw new Error(findings.map(({ message }) => message).join(" "));
 */
export async function verifyMandateReceipt(
  receipt: string,
  { key: jwk, mandate, issuer }: VerifyMandateReceiptOptions,
): Promise<MandateReceiptReport> {
  const key = await readKey(jwk);
  if (key === undefined)
    return failed("signer_resolution_failed", "signer", "unusable_key", "The key is no public P-256 key.");
  const read = readJws(receipt);
  if (read === undefined || read.algorithm !== "ES256") {
    return failed("signature_invalid", "signature", "malformed_receipt", "The receipt is no JWT signed with ES256.");
  }
  if (!(await isSigned(key, read.signingInput, read.signature))) {
    return failed("signature_invalid", "signature", "signature_invalid", "The signature is not valid.");
  }
  const found = read.receipt;
  if (found === undefined)
    return failed("authentic", "schema", "malformed_receipt", "The signed content is no receipt.");
  const closed = parseChain(mandate).at(-1);
  const references = closed === undefined ? [] : [hashText(closed.presentation), hashText(closed.jwt)];
  if (!references.includes(found.reference)) {
    return failed("authentic", "expectation", "other_mandate", "The receipt answers another mandate.");
  }
  if (issuer !== undefined && found.iss !== issuer) {
    return failed("authentic", "expectation", "other_issuer", "The receipt is from another issuer.");
  }
  const [word, ...others] = new Set([found.status, found.result].flatMap((said) => said?.toLowerCase() ?? []));
  if ((word !== "success" && word !== "error") || others.length > 0) {
    return failed("authentic", "schema", "unknown_status", "The receipt says neither success nor error, or says both.");
  }
  if (word === "error" && !found.error) {
    return failed("authentic", "schema", "no_error", "The receipt reports an error and does not name it.");
  }
  return { disposition: "authentic", findings: [], receipt: found, outcome: word };
}

interface Jws {
  readonly algorithm: unknown;
  readonly signingInput: string;
  readonly signature: Uint8Array;
  readonly receipt: MandateReceipt | undefined;
}

function readJws(text: string): Jws | undefined {
  if (typeof text !== "string") return undefined;
  const [header = "", payload = "", signature = "", ...more] = text.split(".");
  const parts = [header, payload, signature].map(parseBase64url);
  const [headerBytes, payloadBytes, signatureBytes] = parts;
  if (!headerBytes || !payloadBytes || !signatureBytes || more.length > 0) return undefined;
  try {
    const { alg, crit } = parseStrictJson(headerBytes) as { readonly alg?: unknown; readonly crit?: unknown };
    // No critical extension is known here (RFC 7515 §4.1.11).
    if (crit !== undefined) return undefined;
    return {
      algorithm: alg,
      signingInput: `${header}.${payload}`,
      signature: signatureBytes,
      receipt: readReceipt(payloadBytes),
    };
  } catch (error) {
    if (StrictJsonError.isInstance(error)) return undefined;
    throw error;
  }
}

function readReceipt(bytes: Uint8Array): MandateReceipt | undefined {
  try {
    return parseWire(mandateReceipt, parseStrictJson(bytes), "mandate receipt");
  } catch (error) {
    if (ValidationError.isInstance(error)) return undefined;
    throw error;
  }
}

function failed(
  disposition: VerificationReport["disposition"],
  kind: Finding["kind"],
  code: string,
  message: string,
): MandateReceiptReport {
  return { disposition, findings: [{ kind, severity: "error", code, message }] };
}
