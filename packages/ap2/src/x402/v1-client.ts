import { ConfigurationError } from "@imprest/core";
import type { X402HttpClient } from "./http-client.ts";
import { type X402Payload, type X402Requirements, type X402Settlement, requiredIn } from "./requirements.ts";

/**
 * A client of version 1 alone, for the packages `x402`, `x402-fetch` and `x402-axios`, which sign with `createPaymentHeader`.
 * @param sign chooses among what is accepted, and returns the header `X-PAYMENT`.
 * @example
 * const client = x402V1Client((version, accepts) => {
 *   const offers = accepts as Parameters<typeof selectPaymentRequirements>[0];
 *   return createPaymentHeader(account, version, selectPaymentRequirements(offers, "base", "exact"));
 * });
 */
export function x402V1Client(
  sign: (x402Version: number, accepts: X402Requirements[]) => PromiseLike<string>,
): X402HttpClient {
  /** As they were signed: a header that is written anew may differ. */
  const headers = new WeakMap<object, string>();
  return {
    getPaymentRequiredResponse(_, body) {
      const required = requiredIn(body);
      if (required?.x402Version === 1) return required;
      throw new ConfigurationError("This is no 402 of x402 version 1.");
    },
    async createPaymentPayload(required: { readonly x402Version: number; readonly accepts: X402Requirements[] }) {
      const header = await sign(required.x402Version, required.accepts);
      const payload = decoded(header) as X402Payload;
      headers.set(payload, header);
      return payload;
    },
    encodePaymentSignatureHeader(payload: X402Payload) {
      return { "X-PAYMENT": headers.get(payload) ?? btoa(JSON.stringify(payload)) };
    },
    getPaymentSettleResponse(getHeader) {
      return decoded(getHeader("X-PAYMENT-RESPONSE") ?? "") as X402Settlement;
    },
  };
}

function decoded(header: string): object {
  const bytes = Uint8Array.from(atob(header), (character) => character.charCodeAt(0));
  const value: unknown = JSON.parse(new TextDecoder().decode(bytes));
  if (typeof value === "object" && value !== null) return value;
  throw new ConfigurationError("The header holds no object.");
}
