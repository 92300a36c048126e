import { ProtocolError } from "../errors/protocol-error.ts";
import { SettlementError } from "../errors/spend-errors.ts";
import type { Logger } from "../observe/logger.ts";
import type { GuardedCall, Observer } from "../authority/observer.ts";
import type { Clock, Timer } from "../platform/clock.ts";
import type { Gate } from "./gate.ts";
import type { RecordedInstruction } from "./settlement-records.ts";
import type { NewDeadLetter } from "./dead-letters.ts";
import type { RecordValue } from "../records/record-store.ts";
import { readAmount } from "../amount/amount-text.ts";
import { readInstruction } from "./instruction.ts";
import type { SpendAuthority } from "../authority/authority.ts";
import type { Attempt, Settlement, SettlementInstruction } from "../authority/settlement.ts";

/**
 * Called with each outcome: once, or first with `pending` and later with the final one. `isLast` is also true of a
 * `pending` that this process will not follow any further.
 */
export type OnOutcome = (settlement: Settlement, isLast: boolean) => void;

/** A protocol switches once, from commit to its late path; more means two ends that do not agree. */
const mostSwitches = 3;

/** How long a settlement may wait before it is logged. */
const reportedAfterMs = 60_000;

/** What a delivery needs of whoever keeps its record and its company; the outbox is one. */
export interface DeliveryContext {
  readonly authority: Pick<SpendAuthority, "protocol" | "durable" | "dedupeHorizonMs" | "settle">;
  readonly clock: Clock;
  readonly observer: Observer | undefined;
  readonly logger: Logger | undefined;
  /** Limits how many attempts that nobody waits for run at a time. */
  readonly background: Gate;
  /** Its signal aborts what is under way. */
  readonly closing: AbortController;
  /** From then on one attempt is made, and no more. */
  readonly closed: boolean;
  /** How often one settlement is sent by this process. */
  readonly mostAttempts: number;
  retryDelayMs(attempt: number): number;
  /** Makes the delivery's instruction durable before the request that it describes. Never rejects. */
  rewrite(delivery: Delivery): Promise<void>;
  /** Writes a dead letter. @returns whether it is kept. Never rejects. */
  bury(letter: NewDeadLetter, error: Error): Promise<boolean>;
  /** The delivery has its final answer. */
  finish(delivery: Delivery, keepRecord: boolean): void;
}

/** One settlement on its way to a final answer: attempts, mode switches, waits. */
export class Delivery implements RecordedInstruction {
  /** Of its record, and among the deliveries. */
  readonly key: string;
  instruction: SettlementInstruction;
  /** The version of its record; `undefined` while it could not be recorded. */
  version: string | undefined;
  /** False when its record is not for it to write: the key is another settlement's, or another worker has settled. */
  ownsRecord = true;
  /** Settles when the record is durable or could not be written; nothing is sent before. */
  recorded: Promise<void> | undefined;
  readonly #context: DeliveryContext;
  readonly #call: GuardedCall | undefined;
  readonly #listeners = new Set<OnOutcome>();
  #pending: Settlement | undefined;
  #attempts = 0;
  #timer: Timer | undefined;
  #running: Promise<Settlement> | undefined;
  #final: Settlement | undefined;
  #stopped: boolean;
  #warned = false;

  constructor(
    key: string,
    instruction: SettlementInstruction,
    version: string | undefined,
    context: DeliveryContext,
    call?: GuardedCall,
  ) {
    this.#call = call;
    this.key = key;
    this.instruction = instruction;
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
    const early = this.instruction.notBeforeMs - clock.now();
    if (early > 0) return this.#retryLater(new Error("The authority asked to wait."), early);
    for (let switches = 0; ; switches += 1) {
      if (this.#tooOld()) return this.#refuse(tooOld(this.instruction), "too-old");
      const attempt = await this.#send();
      if ("settled" in attempt) return this.#finish(this.#examined(attempt.settled), false);
      if ("rejected" in attempt) return this.#refuse(attempt.rejected, "refused");
      if ("next" in attempt && switches < mostSwitches) {
        const { spent, traceparent } = this.instruction;
        this.instruction = { ...attempt.next, spent, traceparent };
        await this.#context.rewrite(this);
        continue;
      }
      const error = "retry" in attempt ? attempt.retry : new Error("The authority asks for ever another operation.");
      const notBeforeMs = "retry" in attempt ? (attempt.notBeforeMs ?? 0) : 0;
      if (notBeforeMs > clock.now()) {
        this.instruction = { ...this.instruction, notBeforeMs };
        await this.#context.rewrite(this);
      }
      return this.#retryLater(error, notBeforeMs - clock.now());
    }
  }

  async #send(): Promise<Attempt> {
    const { authority, closing } = this.#context;
    try {
      const options = { signal: closing.signal, traceparent: this.instruction.traceparent };
      return soundAttempt(await authority.settle(this.instruction, options));
    } catch (error) {
      // `settle` rejects when it is aborted; anything else thrown leaves the outcome just as unknown.
      return { retry: error instanceof Error ? error : new Error("settle failed", { cause: error }) };
    }
  }

  async #retryLater(error: Error, leastDelayMs: number): Promise<Settlement> {
    const { authority, observer } = this.#context;
    const { reservationId, idempotencyKey } = this.instruction;
    // Nothing acknowledges this wire's settlements, so there is no later answer to wait for.
    if (!authority.durable) return this.#refuse(error, "refused");
    const delayMs = Math.max(leastDelayMs, this.#context.retryDelayMs(this.#attempts));
    this.#attempts += 1;
    if (this.#attempts >= this.#context.mostAttempts) this.#stopped = true;
    if (!this.#stopped) {
      const { protocol } = authority;
      observer?.emit("retry", {
        protocol,
        operation: this.instruction.mode,
        reservationId,
        idempotencyKey,
        error,
        delayMs,
      });
      this.#wait(delayMs);
    }
    this.#warnOfWaiting(error);
    const settlement: Settlement = { status: "pending", reservationId, idempotencyKey, error };
    const isNews = this.#pending === undefined;
    this.#pending = settlement;
    if (isNews) this.#report(settlement, this.#stopped);
    else if (this.#stopped) this.stop();
    return settlement;
  }

  /** What an operator must know without asking: a key that is refused at once, anything else after a minute. */
  #warnOfWaiting(error: Error): void {
    const { reservationId, recordedAtMs, mode } = this.instruction;
    const status = ProtocolError.isInstance(error) ? error.status : undefined;
    const isRefusedKey = status === 401 || status === 403;
    const waitedMs = this.#context.clock.now() - recordedAtMs;
    if (this.#warned || (!isRefusedKey && waitedMs < reportedAfterMs)) return;
    this.#warned = true;
    const what = isRefusedKey
      ? "a settlement waits because the key was refused"
      : "a settlement has waited for a minute";
    this.#context.logger?.warn(what, { reservationId, operation: mode, waitedMs, error: error.message });
  }

  /** The settlement, with what the authority left out of its books, and marked where its answer cannot be right. */
  #examined(settlement: Settlement): Settlement {
    const { reservationId, spent } = this.instruction;
    const committed = readAmount(spent);
    const { charged } = settlement;
    if (committed === undefined || charged === undefined) return settlement;
    if (charged.unit === committed.unit && charged.amount === committed.amount) return settlement;
    const [said, meant] = [charged, committed].map(({ unit, amount }) => `${amount} ${unit}`);
    const discrepancy = `charged ${said} for a commit of ${meant}`;
    if (charged.unit === committed.unit && charged.amount < committed.amount) {
      const uncovered = { unit: committed.unit, amount: committed.amount - charged.amount };
      this.#context.logger?.error("an authority charged less than was spent", { reservationId, discrepancy });
      return { ...settlement, uncovered };
    }
    this.#context.logger?.error("an authority's charge is not what was committed", { reservationId, discrepancy });
    return { ...settlement, discrepancy };
  }

  #wait(delayMs: number): void {
    this.#timer = this.#context.clock.setTimer(() => this.#context.background.enter(() => this.attempt()), delayMs);
  }

  async #refuse(cause: Error, kind: NewDeadLetter["kind"]): Promise<Settlement> {
    const { instruction } = this;
    const { protocol, reservationId, idempotencyKey } = instruction;
    const spendHappened = instruction.kind === "commit";
    const remedy = spendHappened ? " The spend is kept as a dead letter." : "";
    const message = `The ${instruction.mode} of reservation ${reservationId} was refused: ${cause.message}${remedy}`;
    const error = new SettlementError(message, { spendHappened, reservationId, idempotencyKey }, { cause });
    const recordedAtMs = this.#context.clock.now();
    const spent = readAmount(instruction.spent);
    const reason = cause.message;
    const letter = { kind, protocol, reservationId, idempotencyKey, recordedAtMs, reason, instruction, spent };
    // A letter that could not be written leaves the record where it is: the next process finds it.
    const kept = spendHappened && !(await this.#context.bury(letter, error));
    return this.#finish({ status: "rejected", reservationId, idempotencyKey, error }, kept);
  }

  #finish(settlement: Settlement, keepRecord: boolean): Settlement {
    this.#final = settlement;
    this.#context.finish(this, keepRecord);
    this.#report(settlement, true);
    return settlement;
  }

  #report(settlement: Settlement, isLast: boolean): void {
    const { protocol } = this.#context.authority;
    this.#context.observer?.emit("settlement", { protocol, settlement, call: this.#call });
    for (const listener of this.#listeners) listener(settlement, isLast);
  }

  #tooOld(): boolean {
    const horizonMs = this.#context.authority.dedupeHorizonMs?.[this.instruction.mode] ?? Infinity;
    return this.#context.clock.now() - this.instruction.recordedAtMs > horizonMs;
  }
}

function tooOld({ mode, recordedAtMs }: SettlementInstruction): Error {
  const since = new Date(recordedAtMs).toISOString();
  return new Error(`It was recorded at ${since}, longer ago than the authority remembers the key of a ${mode}.`);
}

/** The attempt, or one more to make where an authority's code returned what is none: the outcome is unknown then. */
function soundAttempt(attempt: Attempt): Attempt {
  const members = (typeof attempt === "object" && attempt !== null ? attempt : {}) as Partial<
    Record<"settled" | "next" | "retry" | "rejected", unknown>
  >;
  const { settled, next, retry, rejected } = members;
  const isSound =
    (isObject(settled) && typeof settled["status"] === "string" && settled["charged"] !== null) ||
    (isObject(next) && readInstruction(next as RecordValue) !== undefined) ||
    retry instanceof Error ||
    rejected instanceof Error;
  return isSound ? attempt : { retry: new Error("The authority returned no outcome of the settlement.") };
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null;
}
