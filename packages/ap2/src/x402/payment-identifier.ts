import { halfSha256Hex } from "../sha256.ts";
import type { X402Required } from "./requirements.ts";

const extension = "payment-identifier";

/**
 * What was asked for, with the purchase's id where the server reads one (x402 extension `payment-identifier`): 16 to 128
 * letters, digits, `-` and `_`, the same for every payload of one payment, so that a server that knows it settles one.
 */
export async function withPaymentIdentifier(required: X402Required, pspIdempotencyKey: string): Promise<X402Required> {
  const offered = required.extensions?.[extension] as { readonly info?: unknown } | undefined;
  if (typeof offered?.info !== "object" || offered.info === null) return required;
  const info = { ...offered.info, id: `pay_${await halfSha256Hex(pspIdempotencyKey)}` };
  return { ...required, extensions: { ...required.extensions, [extension]: { ...offered, info } } };
}
