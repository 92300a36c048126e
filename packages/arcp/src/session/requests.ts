import { type CallOptions, type Clock, createDeferred } from "@imprest/core";
import { settleWithin } from "./deadline.ts";
import type { Frame } from "./frame.ts";
import type { Ledger, PendingRequest } from "./ledger.ts";

/** One request to make. */
export interface RequestSpecification extends CallOptions {
  readonly kind: PendingRequest["kind"];
  readonly jobId?: string | undefined;
  readonly traceId?: string | undefined;
  /** False when a second copy could do harm. True by default. */
  readonly repeatable?: boolean | undefined;
  /** Sent even while others wait for a replay to end. */
  readonly urgent?: boolean | undefined;
  /** Writes the request. @returns the id of its frame. */
  readonly send: () => string;
  /** Takes the answer in before anything that came behind it. */
  readonly answered?: ((frame: Frame) => void) | undefined;
}

/** Makes requests, each of which settles: answered, refused, late, aborted, or because the session ended. */
export class Requests {
  readonly #ledger: Ledger;
  readonly #clock: Clock;
  readonly #timeoutMs: number;
  #ended: Error | undefined;

  constructor(ledger: Ledger, clock: Clock, timeoutMs: number) {
    this.#ledger = ledger;
    this.#clock = clock;
    this.#timeoutMs = timeoutMs;
  }

  /** @throws ArcpError when the runtime refuses; TimeoutError, AbortedError; the session's end. */
  async run(specification: RequestSpecification): Promise<Frame> {
    if (this.#ended !== undefined) throw this.#ended;
    const { kind, jobId, traceId, repeatable = true, urgent, send, answered, signal } = specification;
    const answer = createDeferred<Frame>();
    const request: PendingRequest = {
      kind,
      jobId,
      traceId,
      repeatable,
      send,
      answered: (frame) => {
        answered?.(frame);
        answer.resolve(frame);
      },
      failed: (error) => answer.reject(error),
    };
    const options = { signal, timeoutMs: specification.timeoutMs ?? this.#timeoutMs };
    this.#ledger.add(request, urgent);
    try {
      return await settleWithin(answer.promise, options, this.#clock, `The ARCP request "${kind}"`);
    } catch (error) {
      this.#ledger.abandon(request);
      throw error;
    }
  }

  /** Nothing is answered any more. */
  end(error: Error): void {
    this.#ended = error;
    for (const request of this.#ledger.takeAll()) request.failed(error);
  }
}
