import { type CallOptions, type Clock } from "@imprest/core";
import { parseJson } from "@imprest/core/internal";
import type { WireLease } from "@imprest/core/models/arcp";
import { ResultUnavailableError } from "../errors.ts";
import type { BudgetGauge } from "../lease/budget-gauge.ts";
import { formatMoney } from "../lease/money.ts";
import { settleWithin } from "../frame/deadline.ts";
import type { ArcpEvent } from "./event.ts";
import { familyCosts, familyCostsAreExact, familyMissesEvents } from "./family.ts";
import type { JobOutcome } from "./job-outcome.ts";
import type { JobState } from "./job-state.ts";
import { type ResultStream, verifyDigest } from "./result-body.ts";

/** What can be seen of a job, by whoever submitted it and by a subscriber: its events, its result, its budget. */
export class JobView implements AsyncIterable<ArcpEvent> {
  /** @internal */
  protected readonly state: JobState;
  readonly #clock: Clock;
  #bytes: Promise<Uint8Array> | undefined;

  /** @internal Made by a session. */
  constructor(state: JobState, clock: Clock) {
    this.state = state;
    this.#clock = clock;
  }

  /** The runtime's id; another one after a lost job was submitted again. */
  get id(): string {
    return this.state.id;
  }

  /** `name@version`, as the runtime resolved it (ARCP §7.5). */
  get agent(): string {
    return this.state.agent;
  }

  /** The effective lease (ARCP §9). */
  get lease(): WireLease {
    return this.state.lease;
  }

  /** When the lease ends, ISO 8601; `undefined` when it does not. */
  get expiresAt(): string | undefined {
    return this.state.expiresAt;
  }

  get traceId(): string | undefined {
    return this.state.traceId;
  }

  get parentId(): string | undefined {
    return this.state.parentId;
  }

  /** `"pending"`, `"running"`, then how it ended. */
  get status(): string {
    return this.state.status;
  }

  /** What is left of the budget, as far as it was reported to this client. */
  get budget(): BudgetGauge {
    return this.state.books.budget;
  }

  /**
   * The sum of the `cost.*` metrics seen, of this job and those it delegated to, as plain decimals by currency; once the job
   * has ended, what its runtime says was spent, where it says so.
   */
  get costs(): Readonly<Record<string, string>> {
    return Object.fromEntries([...familyCosts(this.state)].map(([currency, units]) => [currency, formatMoney(units)]));
  }

  /**
   * True once events were lost on the way, of this job or of those it delegated to. Also while a lost job is looked for,
   * until its runtime has said where the replay begins.
   */
  get eventsMissing(): boolean {
    return familyMissesEvents(this.state);
  }

  /** False when `costs` is a lower bound: events are missing, and the runtime has not said with the end what was spent. */
  get costsAreExact(): boolean {
    return familyCostsAreExact(this.state);
  }

  /** Attributes for a trace span (ARCP §11). */
  get spanAttributes(): Readonly<Record<string, string>> {
    const { id, agent, lease, expiresAt } = this.state;
    const { budget } = this;
    const remaining = budget.currencies.map((currency) => `${currency}:${budget.remaining(currency)}`);
    return {
      "arcp.job_id": id,
      "arcp.agent": agent,
      "arcp.lease.capabilities": Object.keys(lease).join(","),
      ...(expiresAt && { "arcp.lease.expires_at": expiresAt }),
      ...(remaining.length > 0 && { "arcp.budget.remaining": remaining.join(",") }),
    };
  }

  /**
   * The events from the oldest one still held, to the end of the job. Several consumers may read, each on its own.
   * The loop ends when the job does, in whatever way; it throws when events can no longer be had.
   */
  [Symbol.asyncIterator](): AsyncIterableIterator<ArcpEvent, undefined> {
    return this.events();
  }

  /** As iteration; with `kinds`, only those. A gap notice is never left out. */
  events(options?: {
    readonly kinds?: readonly ArcpEvent["kind"][] | undefined;
  }): AsyncIterableIterator<ArcpEvent, undefined> {
    return this.state.log.open(options?.kinds);
  }

  /**
   * How the job ended. Does not reject for a job that failed.
   * @throws JobLostError, SessionEndedError or ResponseFormatError when the end cannot be had; AbortedError, TimeoutError.
   */
  outcome(options?: CallOptions): Promise<JobOutcome> {
    return settleWithin(this.state.outcome.promise, options, this.#clock, `Waiting for job ${this.id}`);
  }

  /**
   * The result: an inline value as it is; a chunked one as text, or as bytes when a chunk was binary.
   * @throws ArcpError when the job ended otherwise; ResultUnavailableError when a stream took it; as `outcome`.
   */
  async result(options?: CallOptions): Promise<unknown> {
    const outcome = await this.outcome(options);
    if (outcome.status !== "success") throw outcome.error;
    if (!this.state.body.chunked) {
      if (outcome.resultId === undefined) return outcome.value;
      throw new ResultUnavailableError("The chunks of this result were not seen by this handle.", this.id);
    }
    const bytes = await this.bytes();
    return this.state.body.text ? new TextDecoder().decode(bytes) : bytes;
  }

  /**
   * The bytes of the result while the job produces them; an inline result as its text, or as JSON. Once only. The size
   * is checked at the end; a digest cannot be, use `bytes` for that.
   * @throws ResultUnavailableError when the result was read already.
   */
  stream(): ResultStream {
    return this.state.body.stream();
  }

  /** The whole result as text. @throws as `bytes`. */
  async text(): Promise<string> {
    return new TextDecoder().decode(await this.bytes());
  }

  /** The whole result, read as JSON. @throws as `bytes`, SyntaxError for text that is not JSON. */
  async json(): Promise<unknown> {
    return parseJson(await this.text());
  }

  /** The whole result. @throws as `result`; ResponseFormatError when the announced digest does not fit. */
  bytes(): Promise<Uint8Array> {
    this.#bytes ??= this.#read();
    return this.#bytes;
  }

  async #read(): Promise<Uint8Array> {
    const bytes = await this.stream().bytes();
    const outcome = await this.state.outcome.promise;
    if (outcome.status === "success") await verifyDigest(bytes, outcome.sha256);
    return bytes;
  }
}
