import { sha256Hex } from "../sha256.ts";
import { type X402Payload, type X402Required, type X402Settlement, settlementIn } from "./requirements.ts";
import type { X402Signer } from "./pay-once.ts";

/** Reads a header of an answer. */
export type GetHeader = (name: string) => string | null | undefined;

/** What the guard needs of `x402HTTPClient` of `@x402/core`, which knows both versions and signs; see also `x402V1Client`. */
export interface X402HttpClient extends X402Signer {
  /** Reads a 402. @throws when it is none. */
  getPaymentRequiredResponse(getHeader: GetHeader, body?: unknown): X402Required;
  /** The headers of the paid request. */
  encodePaymentSignatureHeader(payload: never): Record<string, string>;
  /** Reads the settlement. @throws when there is none. */
  getPaymentSettleResponse(getHeader: GetHeader): X402Settlement;
}

/** Names of the headers by which a request pays, version 2 and 1. */
export const paymentHeaders = ["PAYMENT-SIGNATURE", "X-PAYMENT"] as const;

/** What a 402 asks for; `undefined` for one that is not of x402. */
export function readRequired(client: X402HttpClient, getHeader: GetHeader, text: string): X402Required | undefined {
  try {
    // Version 2 has everything in a header.
    return client.getPaymentRequiredResponse(getHeader, parsed(text));
  } catch {
    return undefined;
  }
}

/** What an answer says was settled. */
export function readSettlement(client: X402HttpClient, getHeader: GetHeader): X402Settlement | undefined {
  try {
    return settlementIn(client.getPaymentSettleResponse(getHeader));
  } catch {
    return undefined;
  }
}

/** The headers that pay. */
export function headersOf(client: X402HttpClient, payload: X402Payload): [string, string][] {
  return Object.entries(client.encodePaymentSignatureHeader(payload as never));
}

/** The same request, however often and over whichever client it is made, is one purchase. */
export async function purchaseOf(method: string, url: string, body: string): Promise<string> {
  // A fragment is not sent, so that it makes no other request.
  return `x402:${await sha256Hex(JSON.stringify([method, url.split("#", 1)[0], body]))}`;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
