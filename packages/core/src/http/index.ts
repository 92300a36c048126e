export {
  type ApiKeySource,
  type ResolvedApiKey,
  isBrowser,
  isLoopback,
  normaliseBaseUrl,
  refuseBrowserCredentials,
  refuseUnknownOptions,
  resolveApiKey,
  wholeOption,
} from "./endpoint.ts";
export type { HttpRequest, HttpResponse, Transport, TransportLimits } from "./transport.ts";
export { createFetchTransport } from "./transport/fetch.ts";
export { readText } from "./read-text.ts";
export { parseRetryAfter } from "./retry-after.ts";
export { type SendOptions, send } from "./send.ts";
export { type SendReadOptions, sendRead } from "./send-read.ts";
export { defaultTransport } from "#transport";
