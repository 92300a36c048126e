export { type X402FetchOptions, guardX402Fetch } from "./guard-fetch.ts";
export type { X402HttpClient } from "./http-client.ts";
export { type X402Exchange, type X402Options, type X402Signer, payX402 } from "./pay-once.ts";
export type { X402Payload, X402Required, X402Requirements, X402Settlement } from "./requirements.ts";
export { type X402Sent, type X402Use, x402LookupCharge } from "./sent-payment.ts";
export { x402V1Client } from "./v1-client.ts";
