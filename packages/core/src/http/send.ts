import { ValidationError } from "../errors/local-errors.ts";
import { AbortedError, type RequestSummary, TimeoutError } from "../errors/transport-errors.ts";
import { type Clock, systemClock } from "../platform/clock.ts";
import { onAbort } from "../platform/async.ts";
import { Exchange } from "./exchange.ts";
import type { HttpRequest, HttpResponse, Transport } from "./transport.ts";

/** How one request is sent. */
export interface SendOptions {
  readonly signal?: AbortSignal | undefined;
  /** Deadline of the whole exchange, in milliseconds. */
  readonly timeoutMs: number;
  readonly maxResponseBytes?: number | undefined;
  readonly clock?: Clock | undefined;
}

/** Answers of these protocols are small; a larger one is an attack or a mistake. */
const defaultMaxResponseBytes = 8 * 1024 * 1024;

/**
 * Sends one request: the only place that does. Settles at the deadline or when `signal` aborts even if the transport
 * does not. Leaves no timer and no listener behind.
 * @throws TimeoutError, AbortedError, and what the transport rejects with, as it is: a ConnectionError or a
 * ResponseFormatError. Anything else is a fault in the transport, and no sign that the authority is out of reach.
 * ValidationError for a header that cannot be sent: a line end in it would smuggle another header in.
 */
export function send(transport: Transport, request: HttpRequest, options: SendOptions): Promise<HttpResponse> {
  const { signal, timeoutMs, clock = systemClock, maxResponseBytes = defaultMaxResponseBytes } = options;
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(aborted(request, signal));
    const unsendable = findUnsendableHeader(request.headers);
    if (unsendable !== undefined) return reject(unsendable);
    const exchange = new Exchange(maxResponseBytes);
    const fail = (error: Error): void => {
      stop();
      reject(error);
      exchange.abort(error);
    };
    const timer = clock.setTimer(() => fail(timedOut(request, timeoutMs)), timeoutMs);
    const stopListening = onAbort(signal, () => fail(aborted(request, signal)));
    const stop = (): void => {
      timer.clear();
      stopListening();
    };
    const failed = (error: unknown): void => {
      stop();
      reject(error);
    };
    try {
      transport(request, exchange).then((response) => {
        stop();
        resolve(response);
      }, failed);
    } catch (error) {
      failed(error);
    }
  });
}

/** RFC 9110 §5.5: visible characters, space and tab, and what Latin-1 adds. */
const sendable = /^[\t\x20-\x7e\x80-\xff]*$/;

function findUnsendableHeader(headers: HttpRequest["headers"]): ValidationError | undefined {
  for (const name in headers) {
    if (!sendable.test(headers[name] ?? "")) {
      const message = "holds a control character or one beyond Latin-1; it was not sent";
      return new ValidationError("header", [{ pointer: `/${name}`, message }]);
    }
  }
  return undefined;
}

/** Origin and path: a query may carry identifiers. */
function summarise({ method, url }: HttpRequest): RequestSummary {
  const parsed = URL.canParse(url) ? new URL(url) : undefined;
  return { method, target: parsed ? `${parsed.origin}${parsed.pathname}` : "" };
}

function aborted(request: HttpRequest, signal: AbortSignal | undefined): AbortedError {
  const summary = summarise(request);
  return new AbortedError(`${request.method} ${summary.target} was aborted by the caller's signal.`, {
    cause: signal?.reason,
    request: summary,
  });
}

function timedOut(request: HttpRequest, timeoutMs: number): TimeoutError {
  const summary = summarise(request);
  const message = `${request.method} ${summary.target} had no whole answer within ${timeoutMs} ms.`;
  return new TimeoutError(message, timeoutMs, { request: summary });
}
