import type { Frame } from "../frame/frame.ts";

/** A request whose answer is awaited. */
export interface PendingRequest {
  readonly kind: "submit" | "list" | "subscribe" | "cancel" | "ping";
  readonly jobId?: string | undefined;
  readonly traceId?: string | undefined;
  /** False when a second copy could do harm: a submit without an idempotency key. */
  readonly repeatable: boolean;
  /** Writes the request. @returns the id of its frame. */
  readonly send: () => string;
  readonly answered: (frame: Frame) => void;
  readonly failed: (error: Error) => void;
  /** The caller has gone; the place in the queue is kept, because answers come in order. */
  abandoned?: boolean | undefined;
}

/** The kinds that a runtime answers in order, and refuses with a `session.error` that names none of them. */
const queued = new Set(["submit", "list", "subscribe"]);

/**
 * The requests under way, oldest first. While the connection is down, or what was missed is still being replayed, the
 * ledger is shut: requests wait in it and are sent, again if need be, when it opens.
 */
export class Ledger {
  /** Requests in order, each with the id of the frame that carries it, or `undefined` while it is not sent. */
  readonly #requests = new Map<PendingRequest, string | undefined>();
  #open = false;

  add(request: PendingRequest, urgent = false): void {
    this.#requests.set(request, this.#open || urgent ? request.send() : undefined);
  }

  /** The caller waits no longer. A request that was sent keeps its place: its answer would meet another one's. */
  abandon(request: PendingRequest): void {
    if (this.#requests.get(request) === undefined) this.#requests.delete(request);
    else request.abandoned = true;
  }

  /** Requests that an answer about an unknown job may belong to. */
  get expectsJobs(): boolean {
    for (const { kind } of this.#requests.keys()) if (kind === "submit" || kind === "subscribe") return true;
    return false;
  }

  /** Sends what is not sent. */
  open(): void {
    this.#open = true;
    for (const [request, id] of this.#requests) {
      if (request.abandoned === true) this.#requests.delete(request);
      else if (id === undefined) this.#requests.set(request, request.send());
    }
  }

  /** The connection is gone. @returns the requests that must not be sent a second time. */
  shut(): PendingRequest[] {
    this.#open = false;
    const lost: PendingRequest[] = [];
    for (const [request, id] of this.#requests) {
      if (request.kind === "ping" || (id !== undefined && !request.repeatable)) {
        this.#requests.delete(request);
        lost.push(request);
      } else this.#requests.set(request, undefined);
    }
    return lost;
  }

  /** Takes the request that a frame names by `request_id`, if one is under way. */
  takeNamed(requestId: string): PendingRequest | undefined {
    for (const [request, id] of this.#requests) if (id === requestId) return this.#take(request);
    return undefined;
  }

  /** Takes the oldest request of a kind, of this job where one is given. */
  take(kind: PendingRequest["kind"], jobId?: string): PendingRequest | undefined {
    for (const request of this.#requests.keys()) {
      if (request.kind === kind && (jobId === undefined || request.jobId === jobId)) return this.#take(request);
    }
    return undefined;
  }

  /** Takes the submit that an answer belongs to: the one with the answer's own trace, or else the oldest. */
  takeSubmit(traceId: string | undefined): PendingRequest | undefined {
    const traced = [...this.#requests.keys()].filter(({ kind, traceId: own }) => kind === "submit" && own === traceId);
    const [only] = traced;
    if (traceId !== undefined && traced.length === 1 && only !== undefined) return this.#take(only);
    return this.take("submit");
  }

  /** Takes the oldest request that is answered in order. */
  takeHead(): PendingRequest | undefined {
    for (const request of this.#requests.keys()) if (queued.has(request.kind)) return this.#take(request);
    return this.take("cancel");
  }

  takeAll(): PendingRequest[] {
    const all = [...this.#requests.keys()];
    this.#requests.clear();
    return all;
  }

  #take(taken: PendingRequest): PendingRequest {
    // Answers come in order: an older request that nobody waits for has lost its own.
    for (const request of this.#requests.keys()) {
      if (request === taken) break;
      if (request.abandoned === true && request.kind === taken.kind) this.#requests.delete(request);
    }
    this.#requests.delete(taken);
    return taken;
  }
}
