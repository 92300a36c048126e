import { type RandomBytes, randomHex } from "../platform/random.ts";

/** A W3C Trace Context position: 32 and 16 lower-case hex digits, never all zero. */
export interface TraceContext {
  readonly traceId: string;
  readonly spanId: string;
  readonly flags: string;
}

const traceparentPattern = /^00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})$/;

/** Reads a version-00 `traceparent`; `undefined` when it is malformed, which a receiver treats as absent. */
export function parseTraceparent(text: string): TraceContext | undefined {
  const match = traceparentPattern.exec(text);
  if (match === null) return undefined;
  const [, traceId = "", spanId = "", flags = ""] = match;
  return /^0+$/.test(traceId) || /^0+$/.test(spanId) ? undefined : { traceId, spanId, flags };
}

/** The header `traceparent` (W3C Trace Context §3.2). */
export function formatTraceparent({ traceId, spanId, flags }: TraceContext): string {
  return `00-${traceId}-${spanId}-${flags}`;
}

/** A fresh trace, or a fresh span within `parent`'s trace. */
export function createTraceContext(random?: RandomBytes, parent?: TraceContext): TraceContext {
  return {
    traceId: parent?.traceId ?? randomHex(16, random),
    spanId: randomHex(8, random),
    flags: parent?.flags ?? "01",
  };
}

/** The `traceparent` of an outgoing request: the caller's where it is well formed, else a fresh one. */
export function outgoingTraceparent(given: string | undefined): string {
  return given !== undefined && parseTraceparent(given) ? given : formatTraceparent(createTraceContext());
}
