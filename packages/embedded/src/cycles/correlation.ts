import { parseTraceparent } from "@imprest/core";
import { randomHex } from "@imprest/core/internal";
import type { WireRequest } from "../http/wire.ts";

/** What ties an answer, its log lines and its events to one request (Cycles §CORRELATION AND TRACING). */
export interface Correlation {
  readonly requestId: string;
  /** 32 lower-case hex digits. */
  readonly traceId: string;
  /** The sampling that came with a `traceparent`, for what is sent on (Cycles §Webhook delivery protocol). */
  readonly traceFlags?: string | undefined;
}

const traceIdPattern = /^(?!0{32}$)[0-9a-f]{32}$/;

/** `traceparent` wins over `X-Cycles-Trace-Id`; a malformed one counts as absent; without either a trace begins. */
export function correlate(request: WireRequest): Correlation {
  const requestId = `req_${crypto.randomUUID()}`;
  const parent = parseTraceparent(request.header("traceparent") ?? "");
  if (parent !== undefined) return { requestId, traceId: parent.traceId, traceFlags: parent.flags };
  const given = request.header("x-cycles-trace-id");
  if (given !== undefined && traceIdPattern.test(given)) return { requestId, traceId: given };
  return { requestId, traceId: randomHex(16) };
}
