import {
  type Clock,
  ConnectionError,
  type HttpRequest,
  type HttpResponse,
  type Transport,
  createFetchTransport,
  systemClock,
} from "@imprest/core";
import type { ServedAuthority } from "./served-authority.ts";

/** What happens to one request on its way to an authority and back. */
export type TransportFault =
  /** Nothing is sent: the connection is refused. */
  | "unreachable"
  /** The authority acts on it, and its answer is lost. */
  | "answer-lost"
  /** It arrives twice, as after a retransmission; the second answer is handed over. */
  | "doubled"
  /** The answer ends in the middle of its body. */
  | "cut"
  /** Nothing is sent and nothing comes back, until the client gives up. */
  | "silent"
  /** It is sent after a while, in milliseconds of `clock`. */
  | { readonly delayMs: number }
  /** Nothing is sent, and this comes back: a proxy's page, a 503. */
  | { readonly answer: HttpResponse };

/** Chooses the fault of a request; `undefined` lets it pass. `count` is 1 for the first one. */
export type TransportFaultOf = (request: HttpRequest, count: number) => TransportFault | undefined;

/** The options of `brokenTransport`. */
export interface BrokenTransportOptions {
  /** What `delayMs` waits on; the system's clock by default. */
  readonly clock?: Pick<Clock, "setTimer"> | undefined;
}

/**
 * A transport of a `CyclesClient` or an `AspClient` that loses, delays, doubles and cuts what a test asks for.
 * @param transport what carries the requests that pass: `transportTo(embedded)`, or a real one.
 * @throws ConnectionError in place of an answer, as a real transport does.
 * @example
 * const transport = brokenTransport(transportTo(embedded), ({ url }, count) =>
 *   url.endsWith("/commit") && count === 2 ? "answer-lost" : undefined,
 * );
 * const client = new CyclesClient({ baseUrl: "https://authority.example", apiKey, transport });
 */
export function brokenTransport(
  transport: Transport,
  fault: TransportFaultOf,
  { clock = systemClock }: BrokenTransportOptions = {},
): Transport {
  let count = 0;
  return async (request, limits) => {
    count += 1;
    const what = fault(request, count);
    const lost = (): ConnectionError => new ConnectionError("The connection was reset, as the test said.");
    if (what === undefined) return transport(request, limits);
    if (typeof what === "object" && "answer" in what) return what.answer;
    if (typeof what === "object") {
      await new Promise<void>((resolve, reject) => {
        const timer = clock.setTimer(resolve, what.delayMs);
        limits.onAbort((reason) => {
          timer.clear();
          reject(reason);
        });
      });
      return transport(request, limits);
    }
    if (what === "unreachable") throw lost();
    if (what === "silent") return new Promise((_resolve, reject) => limits.onAbort(reject));
    const answer = await transport(request, limits);
    if (what === "answer-lost") throw lost();
    if (what === "doubled") return transport(request, limits);
    return { ...answer, body: answer.body.slice(0, Math.floor(answer.body.length / 2)) };
  };
}

/**
 * A transport that reaches an embedded authority with no port and no mock of `fetch`.
 * @example
 * const client = new CyclesClient({ baseUrl: "https://authority.example", apiKey, transport: transportTo(embedded) });
 */
export function transportTo({ handler }: ServedAuthority): Transport {
  return createFetchTransport((input, init) => handler(new Request(input, init)));
}
