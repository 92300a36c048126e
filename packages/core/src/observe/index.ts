export { type Logger, silentLogger } from "./logger.ts";
export { Observer, type SpendEvents } from "./observer.ts";
export { type TraceContext, createTraceContext, formatTraceparent, parseTraceparent } from "./trace.ts";
