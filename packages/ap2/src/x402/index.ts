export {
  type X402FetchOptions,
  type X402HttpClient,
  type X402Payload,
  type X402Required,
  guardX402Fetch,
} from "./guard-fetch.ts";
export {
  type X402Client,
  type X402Context,
  type X402GuardOptions,
  type X402Response,
  guardX402,
} from "./guard-x402.ts";
export type { X402Requirements } from "./requirements.ts";
