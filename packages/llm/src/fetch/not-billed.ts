import { DeniedError } from "@imprest/core";
import { isBag } from "./wires/wire.ts";

/** System calls and failures that come before the first byte of a request. */
const beforeSending = new Set(["connect", "getaddrinfo", "queryA", "queryAaaa"]);
const codes = new Set([
  "ECONNREFUSED",
  "ENOTFOUND",
  "EAI_AGAIN",
  "EHOSTUNREACH",
  "ENETUNREACH",
  "ENETDOWN",
  "EADDRNOTAVAIL",
  "UND_ERR_CONNECT_TIMEOUT",
  // Bun's own words.
  "ConnectionRefused",
  "FailedToOpenSocket",
  "DNSException",
  // Certificates that are refused, in OpenSSL's words.
  "DEPTH_ZERO_SELF_SIGNED_CERT",
  "SELF_SIGNED_CERT_IN_CHAIN",
  "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
  "UNABLE_TO_GET_ISSUER_CERT",
  "UNABLE_TO_GET_ISSUER_CERT_LOCALLY",
  "HOSTNAME_MISMATCH",
]);
/** Certificates, and handshakes; other failures of TLS may come after the request has left. */
const codePattern =
  /^(?:CERT_|ERR_TLS_)|^ERR_SSL_(?:WRONG_VERSION_NUMBER|UNSUPPORTED_PROTOCOL|\w*(?:HANDSHAKE_FAILURE|PROTOCOL_VERSION))$/;
/** Deno says it in words alone. */
const words = /\b(?:tcp connect error|dns error|invalid peer certificate)\b/;

/** Answers behind which a provider may have worked, and may charge: an intermediary gives most of them. */
export const unclearStatuses: ReadonlySet<number> = new Set([408, 499, 502, 504, 520, 521, 522, 523, 524]);
const overloaded = new Set([503, 529]);

/** True for a status with which a provider refuses a request without working on it. */
export function isRefusal(status: number): boolean {
  return (status >= 300 && status < 500 && !unclearStatuses.has(status)) || overloaded.has(status);
}

/** How deep a chain of causes is looked into. */
const deepest = 8;

/**
 * Whether nothing was charged for a call that failed so: no connection came about, the provider refused, or the guard did.
 * For `unspent` of a reservation around a call of your own; of what is not known it says `false`. It reads the `status` of
 * the errors of any SDK, and the causes below.
 * @example
 * await withReservation(authority, request, () => callModel(), { spend, unspent: notBilled, partial: "estimate" });
 */
export function notBilled(error: unknown): boolean {
  return isUnbilled(error, deepest);
}

function isUnbilled(error: unknown, depth: number): boolean {
  if (!isBag(error) || depth === 0) return false;
  if (DeniedError.isInstance(error)) return true;
  const { errors, status, statusCode } = error;
  // Several attempts, or several addresses: each must have failed so.
  if (Array.isArray(errors) && errors.length > 0) return errors.every((one) => isUnbilled(one, depth - 1));
  const answered = status ?? statusCode;
  if (typeof answered === "number") return isRefusal(answered);
  return isUnsent(error) || isUnbilled(error["cause"], depth - 1);
}

/** True for a `fetch` that failed before a byte of the request had left. */
export function isUnsent(error: unknown): boolean {
  if (!isBag(error)) return false;
  const { code, syscall, errors, cause, message } = error;
  if (Array.isArray(errors) && errors.length > 0) return errors.every(isUnsent);
  if (typeof code === "string" && (codes.has(code) || codePattern.test(code))) return true;
  if (typeof syscall === "string" && beforeSending.has(syscall)) return true;
  if (typeof message === "string" && words.test(message)) return true;
  return cause !== undefined && cause !== error && isUnsent(cause);
}
