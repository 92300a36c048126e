export { createMemoryPair } from "./transport/memory.ts";
export type { ArcpTransport, TransportClosed } from "./transport/transport.ts";
