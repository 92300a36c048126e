import { DeniedError } from "@imprest/core";
import { isProvidersError } from "./answer.ts";
import { parsed } from "./read-bounded.ts";
import { type Bag, isBag } from "./wires/wire.ts";

/** Failures before the first byte of a request: addresses, connections, certificates and handshakes; Bun has words of its own. */
const codes =
  /^(?:E(?:CONNREFUSED|NOTFOUND|AI_AGAIN|HOSTUNREACH|NETUNREACH|NETDOWN|ADDRNOTAVAIL)|UND_ERR_CONNECT_TIMEOUT|ConnectionRefused|FailedToOpenSocket|DNSException|HOSTNAME_MISMATCH|CERT_.*|UNABLE_TO_.*|.*SELF_SIGNED_CERT.*|ERR_TLS_.*|ERR_SSL_.*(?:HANDSHAKE_FAILURE|PROTOCOL_VERSION|WRONG_VERSION_NUMBER|UNSUPPORTED_PROTOCOL))$/;
const calls = /^(?:connect|getaddrinfo|query)/;
/** Deno says it in words alone. */
const words = /\b(?:tcp connect error|dns error|invalid peer certificate)\b/;

/** Answers behind which a provider may have worked, and may charge: an intermediary gives most of them. */
export function isUnclear(status: number): boolean {
  return [408, 499, 502, 504].includes(status) || (status >= 520 && status <= 524);
}

/** True for a status with which a provider refuses a request without working on it. */
export function isRefusal(status: number): boolean {
  return status >= 300 && status < 500 && !isUnclear(status);
}

/**
 * True for a status of too much load. A provider gives it in its own form of an error, or says when to try again; bare, it may
 * be an intermediary's that lost a provider at work (Envoy's 503 for a reset connection).
 */
export function isOverload(status: number): boolean {
  return status === 503 || status === 529;
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
  if (typeof answered === "number") return isRefusal(answered) || (isOverload(answered) && isProvidersOwn(error));
  return isUnsent(error, depth) || isUnbilled(error["cause"], depth - 1);
}

/** Whether an SDK's error holds the provider's own form of an error, as an object or as text, or says when to try again. */
export function isProvidersOwn(error: Bag): boolean {
  const { headers, responseHeaders, responseBody, body, data, error: inner } = error;
  const given = [headers, responseHeaders].some((held) =>
    held instanceof Headers ? held.has("retry-after") : isBag(held) && held["retry-after"] !== undefined,
  );
  const texts = [responseBody, body].map((text) => (typeof text === "string" ? parsed(text) : text));
  return given || [...texts, data, inner, { error: inner }].some(isProvidersError);
}

/** True for a `fetch` that failed before a byte of the request had left. */
export function isUnsent(error: unknown, depth: number = deepest): boolean {
  if (!isBag(error) || depth === 0) return false;
  const { code, syscall, errors, cause, message } = error;
  if (Array.isArray(errors) && errors.length > 0) return errors.every((one) => isUnsent(one, depth - 1));
  if (codes.test(String(code)) || calls.test(String(syscall)) || words.test(String(message))) return true;
  return isUnsent(cause, depth - 1);
}
