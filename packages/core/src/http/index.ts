export type { HttpRequest, HttpResponse, Transport, TransportLimits } from "./transport.ts";
export { createFetchTransport } from "./transport/fetch.ts";
export { type SendOptions, send } from "./send.ts";
export { defaultTransport } from "#transport";
