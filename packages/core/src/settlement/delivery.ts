import { SettlementError } from "../errors/spend-errors.ts";
import type { Timer } from "../platform/clock.ts";
import type { NewDeadLetter } from "./dead-letters.ts";
import { readAmount } from "./instruction.ts";
import type { Attempt, Settlement, Settling } from "../authority/authority.ts";
import type { Settlements } from "./outbox.ts";

/**
 * Called with each outcome: once, or first with `pending` and later with the final one. `isLast` is also true of a
 * `pending` that this process will not follow any further.
 */
export type OnOutcome = (settlement: Settlement, isLast: boolean) => void;

/** A protocol switches once, from commit to its late path; more means two ends that do not agree. */
const mostSwitches = 3;

/** One settlement on its way to a final answer: attempts, mode switches, waits. */
export class SettlementTask {
  /** Of its record, and among the tasks. */
  readonly key: string;
  settling: Settling;
  /** The version of its record; `undefined` while it could not be recorded. */
  version: string | undefined;
  /** False when its record is not for it to write: the key is another settlement's, or another worker has settled. */
  ownsRecord = true;
  /** Settles when the record is durable or could not be written; nothing is sent before. */
  recorded: Promise<void> | undefined;
  readonly #context: Settlements;
  readonly #listeners = new Set<OnOutcome>();
  #pending: Settlement | undefined;
  #attempts = 0;
  #timer: Timer | undefined;
  #running: Promise<Settlement> | undefined;
  #final: Settlement | undefined;
  #stopped = false;

  constructor(key: string, settling: Settling, version: string | undefined, context: Settlements) {
    this.key = key;
    this.settling = settling;
    this.version = version;
    this.#context = context;
    this.#stopped = context.closed;
  }

  /** Calls `listener` with each outcome. */
  listen(listener: OnOutcome): void {
    this.#listeners.add(listener);
  }

  /** The outcome of the attempt under way, or of one made now; for a second caller with the same settlement. */
  join(listener: OnOutcome | undefined): Promise<Settlement> {
    if (listener) this.listen(listener);
    return this.attempt();
  }

  /** Sends now unless it is being sent or has its final answer. Never rejects. */
  attempt(): Promise<Settlement> {
    if (this.#final !== undefined) return Promise.resolve(this.#final);
    this.#running ??= this.#run().finally(() => (this.#running = undefined));
    return this.#running;
  }

  /** Ends a wait early; a not-before that the authority asked for is kept. */
  wake(): void {
    if (this.#timer === undefined) return;
    this.#timer.clear();
    this.#wait(0);
  }

  /** No more attempts in this process: nobody needs to keep the lease alive any longer. */
  stop(): void {
    this.#stopped = true;
    this.#timer?.clear();
    this.#timer = undefined;
    if (this.#pending) for (const listener of this.#listeners) listener(this.#pending, true);
  }

  async #run(): Promise<Settlement> {
    this.#timer?.clear();
    this.#timer = undefined;
    await this.recorded;
    const { clock } = this.#context;
    const early = this.settling.notBeforeMs - clock.now();
    if (early > 0) return this.#retryLater(new Error("The authority asked to wait."), early);
    for (let switches = 0; ; switches += 1) {
      if (this.#tooOld()) return this.#refuse(tooOld(this.settling), "too-old");
      const attempt = await this.#send();
      if ("settled" in attempt) return this.#finish(attempt.settled, false);
      if ("rejected" in attempt) return this.#refuse(attempt.rejected, "refused");
      if ("next" in attempt && switches < mostSwitches) {
        const { spent, traceparent } = this.settling;
        this.settling = { ...attempt.next, spent, traceparent };
        await this.#context.rewrite(this);
        continue;
      }
      const error = "retry" in attempt ? attempt.retry : new Error("The authority asks for ever another operation.");
      const notBeforeMs = "retry" in attempt ? (attempt.notBeforeMs ?? 0) : 0;
      if (notBeforeMs > clock.now()) {
        this.settling = { ...this.settling, notBeforeMs };
        await this.#context.rewrite(this);
      }
      return this.#retryLater(error, notBeforeMs - clock.now());
    }
  }

  async #send(): Promise<Attempt> {
    const { authority, closing } = this.#context;
    try {
      return await authority.settle(this.settling, {
        signal: closing.signal,
        traceparent: this.settling.traceparent,
      });
    } catch (error) {
      // `settle` rejects when it is aborted; anything else thrown leaves the outcome just as unknown.
      return { retry: error instanceof Error ? error : new Error("settle failed", { cause: error }) };
    }
  }

  async #retryLater(error: Error, leastDelayMs: number): Promise<Settlement> {
    const { authority, observer } = this.#context;
    const { reservationId, idempotencyKey } = this.settling;
    // Nothing acknowledges this wire's settlements, so there is no later answer to wait for.
    if (!authority.durable) return this.#refuse(error, "refused");
    const delayMs = Math.max(leastDelayMs, this.#context.retryDelayMs(this.#attempts));
    this.#attempts += 1;
    if (!this.#stopped) {
      const { protocol } = authority;
      observer?.emit("retry", {
        protocol,
        operation: this.settling.mode,
        reservationId,
        idempotencyKey,
        error,
        delayMs,
      });
      this.#wait(delayMs);
    }
    const settlement: Settlement = { status: "pending", reservationId, idempotencyKey, error };
    const isNews = this.#pending === undefined;
    this.#pending = settlement;
    if (isNews || this.#stopped) this.#tell(settlement, this.#stopped);
    return settlement;
  }

  #wait(delayMs: number): void {
    this.#timer = this.#context.clock.setTimer(() => this.#context.background.enter(() => this.attempt()), delayMs);
  }

  async #refuse(cause: Error, kind: NewDeadLetter["kind"]): Promise<Settlement> {
    const { settling } = this;
    const { protocol, reservationId, idempotencyKey } = settling;
    const spendHappened = settling.kind === "commit";
    const remedy = spendHappened ? " The spend is kept as a dead letter." : "";
    const message = `The ${settling.mode} of reservation ${reservationId} was refused: ${cause.message}${remedy}`;
    const error = new SettlementError(message, { spendHappened, reservationId, idempotencyKey }, { cause });
    const recordedAtMs = this.#context.clock.now();
    const spent = readAmount(settling.spent);
    const reason = cause.message;
    const letter = { kind, protocol, reservationId, idempotencyKey, recordedAtMs, reason, settling, spent };
    // A letter that could not be written leaves the record where it is: the next process finds it.
    const kept = spendHappened && !(await this.#context.bury(letter, error));
    return this.#finish({ status: "rejected", reservationId, idempotencyKey, error }, kept);
  }

  #finish(settlement: Settlement, keepRecord: boolean): Settlement {
    this.#final = settlement;
    this.#context.finish(this, keepRecord);
    this.#tell(settlement, true);
    return settlement;
  }

  #tell(settlement: Settlement, isLast: boolean): void {
    this.#context.observer?.emit("settlement", { protocol: this.#context.authority.protocol, settlement });
    for (const listener of this.#listeners) listener(settlement, isLast);
  }

  #tooOld(): boolean {
    const horizonMs = this.#context.authority.dedupeHorizonMs?.[this.settling.mode];
    return horizonMs !== undefined && this.#context.clock.now() - this.settling.recordedAtMs > horizonMs;
  }
}

function tooOld({ mode, recordedAtMs }: Settling): Error {
  const since = new Date(recordedAtMs).toISOString();
  return new Error(`It was recorded at ${since}, longer ago than the authority remembers the key of a ${mode}.`);
}
