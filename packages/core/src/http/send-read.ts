import { TransportError, ConnectionError } from "../errors/transport-errors.ts";
import { type Clock, systemClock } from "../platform/clock.ts";
import { sleep } from "../platform/async.ts";
import { parseRetryAfter } from "./retry-after.ts";
import { type SendOptions, send } from "./send.ts";
import type { HttpRequest, HttpResponse, Transport } from "./transport.ts";

/** How a read is sent; `timeoutMs` is the deadline of all attempts together. */
export interface SendReadOptions extends SendOptions {
  /** The most attempts, the first included. */
  readonly attempts: number;
  /** A number in [0, 1), for jitter. */
  readonly random?: (() => number) | undefined;
}

const firstDelayMs = 100;
const longestDelayMs = 5_000;
const transient: ReadonlySet<number> = new Set([429, 500, 502, 503, 504]);

/**
 * Sends a request that changes nothing, again when the connection fails or the answer is 429, 500, 502, 503 or 504:
 * full jitter over a doubling delay, never before `Retry-After`, never past the deadline. The last answer is returned
 * whatever it is. Writes are never sent through here: the kernel repeats those, from a record.
 * @throws as `send`.
 */
export async function sendRead(
  transport: Transport,
  request: HttpRequest,
  options: SendReadOptions,
): Promise<HttpResponse> {
  const { clock = systemClock, attempts, random = Math.random } = options;
  const deadline = clock.monotonic() + options.timeoutMs;
  for (let attempt = 1; ; attempt += 1) {
    const outcome = await tryOnce(transport, request, options, clock, deadline);
    const delayMs = delayAfter(outcome, attempt, random);
    const isLast = attempt >= attempts || delayMs === undefined || clock.monotonic() + delayMs >= deadline;
    if (!isLast) {
      await sleep(clock, delayMs, options.signal);
    } else if (outcome instanceof Error) {
      throw outcome;
    } else {
      return outcome;
    }
  }
}

async function tryOnce(
  transport: Transport,
  request: HttpRequest,
  options: SendReadOptions,
  clock: Clock,
  deadline: number,
): Promise<HttpResponse | TransportError> {
  try {
    return await send(transport, request, { ...options, timeoutMs: Math.max(0, deadline - clock.monotonic()) });
  } catch (error) {
    if (TransportError.isInstance(error)) return error;
    throw error;
  }
}

/** `undefined` when another attempt would not change the outcome. */
function delayAfter(outcome: HttpResponse | TransportError, attempt: number, random: () => number): number | undefined {
  const jittered = random() * Math.min(longestDelayMs, firstDelayMs * 2 ** (attempt - 1));
  if (outcome instanceof Error) return ConnectionError.isInstance(outcome) ? jittered : undefined;
  if (!transient.has(outcome.status)) return undefined;
  return Math.max(jittered, parseRetryAfter(outcome.headers["retry-after"]) ?? 0);
}
