import {
  type Clock,
  ImprestError,
  ResponseFormatError,
  type Transport,
  createTraceContext,
  formatTraceparent,
} from "@imprest/core";
import { hex, send, stringifyJson, utf8 } from "@imprest/core/internal";
import type { EmittedEvent } from "@imprest/core/models/cycles";
import type { Delivery } from "./deliveries.ts";
import type { CheckedWebhook } from "./webhook.ts";

/** An event, and the trace that it is delivered under. */
type Outgoing = Pick<Delivery, "traceId" | "traceFlags"> & { readonly event: EmittedEvent };

/** How one attempt went; no word of the receiver's is in it. */
export interface AttemptOutcome {
  readonly isDelivered: boolean;
  /** Absent when there was no answer. */
  readonly status?: number | undefined;
  readonly error?: string | undefined;
  readonly tookMs: number;
}

export interface SendWebhookParts {
  readonly transport: Transport;
  readonly clock: Clock;
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

/** A receiver has nothing to say but its status. */
const maxAnswerBytes = 65_536;

/** Makes one attempt: a signed POST of the event, as its bytes are (Cycles governance §Webhook delivery). Never rejects. */
export async function sendWebhook(
  { url, secret }: Pick<CheckedWebhook, "url" | "secret">,
  outgoing: Outgoing,
  { transport, clock, timeoutMs, signal }: SendWebhookParts,
): Promise<AttemptOutcome> {
  const startedAtMs = clock.monotonic();
  const took = (): number => Math.round(clock.monotonic() - startedAtMs);
  try {
    const body = stringifyJson(outgoing.event);
    const headers = { ...headersOf(outgoing), "x-cycles-signature": await signatureOf(body, secret.reveal()) };
    const limits = { signal, timeoutMs, clock, maxResponseBytes: maxAnswerBytes };
    const { status } = await send(transport, { method: "POST", url, headers, body }, limits);
    return outcome(status, took());
  } catch (error) {
    // An answer that is too long, or no text, was given all the same: its status counts.
    if (ResponseFormatError.isInstance(error) && error.status !== undefined) return outcome(error.status, took());
    return { isDelivered: false, error: ImprestError.isInstance(error) ? error.code : "ERR_UNKNOWN", tookMs: took() };
  }
}

function outcome(status: number, tookMs: number): AttemptOutcome {
  if (status >= 200 && status < 300) return { isDelivered: true, status, tookMs };
  const why = status >= 300 && status < 400 ? "a redirect, which is not followed" : "no 2xx";
  return { isDelivered: false, status, error: `The receiver answered ${status}: ${why}.`, tookMs };
}

function headersOf({ event, traceId, traceFlags: flags = "01" }: Outgoing): Record<string, string> {
  return {
    "content-type": "application/json",
    "user-agent": "imprest-embedded",
    "x-cycles-event-id": event.event_id,
    "x-cycles-event-type": event.event_type,
    "x-cycles-trace-id": traceId,
    traceparent: formatTraceparent({ ...createTraceContext(), traceId, flags }),
    ...(event.request_id !== undefined && { "x-request-id": event.request_id }),
  };
}

async function signatureOf(body: string, secret: string): Promise<string> {
  const algorithm = { name: "HMAC", hash: "SHA-256" };
  const key = await crypto.subtle.importKey("raw", owned(utf8(secret)), algorithm, false, ["sign"]);
  const mac = await crypto.subtle.sign("HMAC", key, owned(utf8(body)));
  return `sha256=${hex(new Uint8Array(mac))}`;
}

/** Web Crypto takes no views of shared memory; every view here is of plain memory. */
function owned(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  return bytes as Uint8Array<ArrayBuffer>;
}
