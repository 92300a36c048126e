export { type Logger, silentLogger } from "./logger.ts";
export { Observer, type SpendEvents } from "../authority/observer.ts";
export {
  type TraceContext,
  createTraceContext,
  formatTraceparent,
  outgoingTraceparent,
  parseTraceparent,
} from "./trace.ts";
