export { Emitter } from "./emitter.ts";
export { type Logger, silentLogger } from "./logger.ts";
export {
  type TraceContext,
  createTraceContext,
  formatTraceparent,
  outgoingTraceparent,
  parseTraceparent,
} from "./trace.ts";
