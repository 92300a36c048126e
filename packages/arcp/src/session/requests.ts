import { type CallOptions } from "@imprest/core";
import { createDeferred } from "@imprest/core/internal";
import type { JobEntry, JobSubmit, SessionListJobs } from "@imprest/core/models/arcp";
import { createIdentifier } from "../identifier.ts";
import { settleWithin } from "../frame/deadline.ts";
import type { Frame, FrameHeader } from "../frame/frame.ts";
import type { Ledger, PendingRequest } from "./ledger.ts";
import { type Page, readListing, readPage } from "./listing.ts";
import type { Settings } from "./options.ts";

/** How many jobs of a listing are read to find out which a runtime has. */
const mostListed = 50_000;

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

/** Writes a frame on the connection there is. @returns its id. */
export type SendFrame = (type: string, payload: object, header?: Omit<FrameHeader, "id" | "sessionId">) => string;

/** Makes requests, each of which settles: answered, refused, late, aborted, or because the session ended. */
export class Requests {
  readonly #ledger: Ledger;
  readonly #settings: Settings;
  readonly #send: SendFrame;
  #ended: Error | undefined;

  constructor(ledger: Ledger, settings: Settings, send: SendFrame) {
    this.#ledger = ledger;
    this.#settings = settings;
    this.#send = send;
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
    const { clock, requestTimeoutMs } = this.#settings;
    const options = { signal, timeoutMs: specification.timeoutMs ?? requestTimeoutMs };
    this.#ledger.add(request, urgent);
    try {
      return await settleWithin(answer.promise, options, clock, `The ARCP request "${kind}"`);
    } catch (error) {
      this.#ledger.abandon(request);
      throw error;
    }
  }

  /** `job.submit` once more, under the key and the trace it had (ARCP §7.2). */
  submit(
    submit: JobSubmit,
    traceId: string | undefined,
    options: CallOptions,
    answered: (frame: Frame) => void,
  ): Promise<Frame> {
    const send = (): string => this.#send("job.submit", submit, { traceId });
    return this.run({ ...options, kind: "submit", traceId, send, answered });
  }

  /** One page of the runtime's jobs (ARCP §6.6). */
  async list(
    payload: SessionListJobs,
    options: CallOptions & { readonly urgent?: boolean | undefined },
  ): Promise<Page> {
    return readPage(await this.run({ ...options, kind: "list", send: () => this.#send("session.list_jobs", payload) }));
  }

  /** Every job the runtime lists, asked for ahead of what waits for a replay, all within the time of one request. */
  async listAll(options: Pick<CallOptions, "signal"> = {}): Promise<readonly JobEntry[]> {
    const { clock, requestTimeoutMs: timeoutMs } = this.#settings;
    const all: JobEntry[] = [];
    const page: typeof this.list = (payload, own) => this.list(payload, { ...own, urgent: true });
    const listing = { ...options, limit: mostListed, pageSize: 1000, timeoutMs };
    for await (const entry of readListing(page, listing, clock)) all.push(entry);
    return all;
  }

  /** `job.subscribe` (ARCP §7.6). */
  subscribe(jobId: string, payload: object, options?: CallOptions, answered?: (frame: Frame) => void): Promise<Frame> {
    const send = (): string => this.#send("job.subscribe", { job_id: jobId, ...payload }, { jobId });
    return this.run({ ...options, kind: "subscribe", jobId, send, answered });
  }

  /** `job.cancel` (ARCP §7.4). */
  async cancel(jobId: string, reason: string, options: CallOptions | undefined): Promise<void> {
    await this.run({ ...options, kind: "cancel", jobId, send: () => this.#send("job.cancel", { reason }, { jobId }) });
  }

  /** An answered ping: what was sent before it has arrived. */
  async ping(): Promise<void> {
    const { clock, random } = this.#settings;
    const nonce = createIdentifier("ping", clock, random);
    const send = (): string => this.#send("session.ping", { nonce, sent_at: new Date(clock.now()).toISOString() });
    await this.run({ kind: "ping", urgent: true, send });
  }

  /** Nothing is answered any more. */
  end(error: Error): void {
    this.#ended = error;
    for (const request of this.#ledger.takeAll()) request.failed(error);
  }
}
