import type { CallOptions, Clock } from "@imprest/core";
import type { JobCredentials } from "./credentials.ts";
import type { JobState } from "./job-state.ts";
import { JobView } from "./job-view.ts";

/** @internal What handles ask of their session. */
export interface JobActions {
  readonly clock: Clock;
  cancel(state: JobState, reason: string | undefined, options?: CallOptions): Promise<void>;
  unsubscribe(state: JobState): void;
}

/** A job that this session submitted, or a child of one. `await using` cancels it when the block ends first. */
export class ArcpJob extends JobView implements AsyncDisposable {
  readonly #actions: JobActions;

  /** @internal Made by a session. */
  constructor(state: JobState, actions: JobActions) {
    super(state, actions.clock);
    this.#actions = actions;
  }

  /** The key that the job was submitted under; absent for a child, and for a job submitted with `idempotencyKey: false`. */
  get idempotencyKey(): string | undefined {
    return this.state.origin.submit?.idempotency_key;
  }

  /** Keys to upstream services, gone when the job ends (ARCP §9.8). */
  get credentials(): JobCredentials {
    return this.state.credentials;
  }

  /** Jobs that this one delegated work to (ARCP §10). */
  get children(): readonly ArcpJob[] {
    return this.state.children.map((child) => new ArcpJob(child, this.#actions));
  }

  /** The `delegate` event's id that this job came from. */
  get delegateId(): string | undefined {
    return this.state.delegateId;
  }

  /**
   * Asks the runtime to end the job (ARCP §7.4). Resolves when it agrees or the job is over; the job then ends with
   * code CANCELLED.
   * @throws ArcpError when the runtime refuses; TimeoutError, AbortedError, SessionEndedError.
   */
  cancel(reason?: string, options?: CallOptions): Promise<void> {
    return this.#actions.cancel(this.state, reason, options);
  }

  /** Cancels a job that still runs, and waits for its end, half a minute at most. A refusal leaves it running. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.state.over) return;
    try {
      await this.cancel("the scope that held the job has ended");
      await this.outcome({ timeoutMs: 30_000 });
    } catch {
      // The block's own error, if there is one, says more than that its job could not be cancelled.
    }
  }
}

/** A view of a job that another session submitted. It has no authority over it: there is no cancel (ARCP §7.6). */
export class ArcpSubscription extends JobView implements AsyncDisposable {
  readonly #actions: JobActions;
  readonly #readers: ReturnType<JobView["events"]>[] = [];
  /** True when the runtime said that it replays history. */
  readonly replayed: boolean;
  #left = false;

  /** @internal Made by a session. */
  constructor(state: JobState, actions: JobActions, replayed: boolean) {
    super(state, actions.clock);
    this.#actions = actions;
    this.replayed = replayed;
  }

  override events(options?: Parameters<JobView["events"]>[0]): ReturnType<JobView["events"]> {
    const reader = super.events(options);
    this.#readers.push(reader);
    return reader;
  }

  /** Ends the view; the job goes on. Iteration ends; what waits for the outcome fails with SessionEndedError. */
  unsubscribe(): void {
    if (this.#left) return;
    this.#left = true;
    this.#actions.unsubscribe(this.state);
    // The job may go on here, as this session's own or for another view; this view's loops end.
    for (const reader of this.#readers.splice(0)) void reader.return?.();
  }

  /** `await using`: as `unsubscribe`. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.unsubscribe();
  }
}
