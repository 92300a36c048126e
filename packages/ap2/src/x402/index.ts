export {
  type X402Client,
  type X402Context,
  type X402GuardOptions,
  type X402Requirements,
  type X402Response,
  guardX402,
} from "./guard-x402.ts";
