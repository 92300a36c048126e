import type { Amount } from "../amount/amount.ts";
import { ConfigurationError } from "../errors/local-errors.ts";
import { SettlementError, SpendUnknownError } from "../errors/spend-errors.ts";
import { createDeferred, onAbort } from "../platform/async.ts";
import type { ReservationOptions } from "./options.ts";
import type { Grant } from "../authority/grant.ts";
import type { Intent, Metrics, Settlement, Spend } from "../authority/settlement.ts";
import type { CommitDetails, Reservation, SpendExtras } from "../authority/reservation.ts";
import type { OnOutcome } from "../settlement/delivery.ts";
import type { Destination, Lifeline } from "./destination.ts";
import { soundDetails } from "./spend-details.ts";
import { SpendTracker } from "./spend-tracker.ts";

/** What would have said what was spent, by how the body ended. */
export const remedies: { readonly returned: string; readonly failed: string } = {
  returned: "Call reservation.spend(), give options.spend, or choose settle: 'estimate'.",
  failed: "Give options.partial, and options.unspent for errors after which nothing was billed.",
};

/** How a reservation ends: an intent that is sent, or nothing that this process sends. */
type Ending = Intent | "abandoned" | "exported";

/** The one implementation of `Reservation`: settles once, whatever is called, in whatever order. */
export class ReservationHandle implements Reservation {
  readonly idempotencyKey: string;
  readonly decision: Reservation["decision"];
  readonly tracker: SpendTracker;
  readonly grant: Grant;
  readonly #destination: Destination;
  readonly #options: ReservationOptions;
  readonly #settlement = createDeferred<Settlement>();
  #abort: AbortController | undefined;
  #links: readonly (() => void)[] = [];
  #lifeline: Lifeline | undefined;
  #ending: { readonly intent: Ending; readonly done: Promise<Settlement> } | undefined;
  #basis: Spend["basis"] = "actual";
  /** What the books have of the body's own spend, or a dead letter has, once the reservation has ended. */
  #settledOwn = 0n;
  /** What a dead letter has beyond that. */
  #late = 0n;
  #leaseLost: Error | undefined;

  constructor(
    grant: Grant,
    idempotencyKey: string,
    destination: Destination,
    options: ReservationOptions,
    decision: Reservation["decision"] = grant.decision,
    tracker: SpendTracker = new SpendTracker(grant.reserved),
  ) {
    this.grant = grant;
    this.idempotencyKey = idempotencyKey;
    this.decision = decision;
    this.tracker = tracker;
    this.#destination = destination;
    this.#options = options;
    // `({ spend }) => …` must not lose a spend: a TypeError after the money moved would look like nothing was spent.
    this.unspent = this.unspent.bind(this);
    this.export = this.export.bind(this);
    this.spend = this.spend.bind(this);
    this.commit = this.commit.bind(this);
    this.release = this.release.bind(this);
    // Somebody may never look at `settlement`; an abandoned reservation must not crash the process for it.
    this.#settlement.promise.catch(() => {});
  }

  /** Made, and linked to the caller's and the parent's, when it is first read: many bodies never do. */
  get signal(): AbortSignal {
    if (this.#abort === undefined) {
      const abort = new AbortController();
      this.#abort = abort;
      const { signal, parent, leaseLoss } = this.#options;
      if (this.#leaseLost && leaseLoss === "cancel") abort.abort(this.#leaseLost);
      const sources = this.ended ? [] : [signal, parent?.signal];
      this.#links = sources.map((source) => onAbort(source, () => abort.abort(source?.reason)));
    }
    return this.#abort.signal;
  }

  get id(): string {
    return this.grant.id;
  }

  get caps(): Grant["caps"] {
    return this.grant.caps;
  }

  get reserved(): Amount {
    return this.grant.reserved;
  }

  get subject(): Grant["request"]["subject"] {
    return this.grant.request.subject;
  }

  get expiresAt(): number | undefined {
    return this.#lifeline?.expiresAt ?? this.grant.lease?.expiresAt;
  }

  get settlement(): Promise<Settlement> {
    return this.#settlement.promise;
  }

  /** True once something has been decided about how the reservation ends. */
  get ended(): boolean {
    return this.#ending !== undefined;
  }

  /** Hands over what keeps the lease alive; it is stopped when the settlement is final. */
  keepAlive(lifeline: Lifeline): void {
    this.#lifeline = lifeline;
  }

  /** The lease cannot be kept alive any longer (`leaseLoss` says what follows). */
  loseLease(error: Error): void {
    this.#leaseLost = error;
    if (this.#options.leaseLoss === "cancel" && !this.ended) this.#abort?.abort(error);
  }

  unspent(): void {
    if (this.ended) throw this.#settledOtherwise("unspent()");
    if (!this.tracker.unspent()) throw this.#error("unspent() was called after a spend was stated.", true);
  }

  spend(total: Amount, metrics?: Metrics, extras?: SpendExtras): void {
    if (this.ended) throw this.#spentLate("spend()", total);
    this.tracker.set(total);
    if (metrics === undefined && extras === undefined) return;
    const details = soundDetails(metrics, extras, (member, reason) => {
      const fields = { reservationId: this.id, member, reason };
      this.#destination.logger?.warn("a spend was noted without a member that no wire can carry", fields);
    });
    this.tracker.describe(details);
  }

  async commit(total?: Amount, details?: CommitDetails, extras?: SpendExtras): Promise<Settlement> {
    const ending = this.#ending;
    if (ending === undefined) {
      // The amount first: a getter among the details that throws must not keep it out of the books.
      if (total !== undefined) this.spend(total, details, extras);
      if (details?.basis === "estimate") this.#basis = details.basis;
      return this.commitKnown();
    }
    const stated = total === undefined ? undefined : amountIn(total, this.reserved.unit);
    const same = total === undefined || (stated !== undefined && stated === this.tracker.own);
    if (isIntent(ending.intent, "commit") && same) return ending.done;
    throw total === undefined ? this.#settledOtherwise("commit()") : this.#spentLate("commit()", total);
  }

  async release(text = "released by the caller"): Promise<Settlement> {
    const ending = this.#ending;
    if (ending === undefined) {
      if (this.tracker.unspent()) return this.finish({ kind: "release", reason: { code: "caller", text } });
      throw this.#error("release() was called after a spend was stated; commit what was spent.", true);
    }
    if (isIntent(ending.intent, "release")) return ending.done;
    throw this.#settledOtherwise("release()");
  }

  export(): string {
    if (this.ended) throw this.#settledOtherwise("export()");
    if (this.tracker.isStated) {
      throw this.#error("export() was called after a spend was stated, and the books would lose it; commit it.", true);
    }
    const { exported } = this.#destination;
    if (exported === undefined) {
      throw new ConfigurationError(
        "No authority keeps this reservation (failOpen, or nest: within); export its parent.",
      );
    }
    const { id: reservationId, idempotencyKey } = this;
    const settlement: Settlement = { status: "exported", reservationId, idempotencyKey };
    this.#ending = { intent: "exported", done: this.#settlement.promise };
    this.#unlink();
    this.#lifeline?.stop();
    this.#settlement.resolve(settlement);
    this.#notify(settlement);
    return exported;
  }

  /** Commits what is known. @throws SpendUnknownError when nothing is; nothing is sent then. */
  async commitKnown(value?: unknown): Promise<Settlement> {
    const { status, total } = this.tracker;
    if (status !== "known" || total === undefined) throw await this.abandon(value);
    return this.finish({ kind: "commit", spend: { ...this.tracker.details, amount: total, basis: this.#basis } });
  }

  /** Commits an amount that stands in for what was spent, or what is known where that is more. */
  commitStandIn(standIn: Amount): Promise<Settlement> {
    const spend: Spend = { ...this.tracker.details, amount: this.tracker.atLeast(standIn), basis: "estimate" };
    return this.finish({ kind: "commit", spend });
  }

  /** Sends nothing: what was spent is unknown and the reservation is left to its TTL. @returns the error to throw. */
  async abandon(value?: unknown, cause?: unknown, remedy: string = remedies.returned): Promise<SpendUnknownError> {
    const message = `Nothing says what reservation ${this.id} spent, so nothing was settled. ${remedy}`;
    const error = new SpendUnknownError(message, this.grant, value, { cause });
    if (this.ended) return error;
    this.#ending = { intent: "abandoned", done: this.#settlement.promise };
    this.#unlink();
    this.#lifeline?.stop();
    this.#settledOwn = this.tracker.own ?? 0n;
    await this.#destination.abandon(error, this.tracker.total);
    this.#settlement.reject(error);
    return error;
  }

  /** Settles. The first call wins; callers check `ended` before. */
  finish(intent: Intent): Promise<Settlement> {
    // A callback of the caller's own may have ended it in the meantime.
    if (this.#ending !== undefined) return this.#ending.done;
    this.#unlink();
    const { tracker } = this;
    this.#settledOwn = intent.kind === "commit" ? intent.spend.amount.amount - tracker.nested : 0n;
    const { parent, nest } = this.#options;
    if (intent.kind === "commit" && nest !== "within" && parent instanceof ReservationHandle) {
      parent.tracker.chargedBeside(intent.spend.amount);
    }
    const basis = intent.kind === "commit" ? intent.spend.basis : undefined;
    // A turn later, so that the end is decided before anything that settling calls can ask for another one.
    const settled = Promise.resolve().then(() => this.#destination.settle(intent, this.#listener(basis)));
    const done = settled.then((outcome) => {
      const settlement = withBasis(outcome, basis);
      this.#settlement.resolve(settlement);
      if (settlement.status === "rejected" && this.#options.throwOnRejected) throw this.#rejected(settlement);
      if (this.#leaseLost && this.#options.leaseLoss === "fail_on_finalize") throw this.#lapsed(settlement);
      return settlement;
    });
    this.#ending = { intent, done };
    return done;
  }

  /** `await using`: commits what is known, releases what was said to be unspent, and abandons the rest. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.ended) return void (await this.#settlement.promise.catch(() => {}));
    if (this.tracker.status === "none")
      await this.finish({ kind: "release", reason: { code: "unused", text: "the scope ended" } });
    else await this.commitKnown();
  }

  #listener(basis: Spend["basis"] | undefined): OnOutcome {
    let reportedPending = false;
    return (outcome, isLast) => {
      if (isLast) this.#lifeline?.stop();
      if (outcome.status === "pending" && reportedPending) return;
      reportedPending = true;
      this.#notify(withBasis(outcome, basis));
    };
  }

  /** A caller's listener must not turn a settled reservation into a failed one; the observer has the same news. */
  #notify(settlement: Settlement): void {
    try {
      const returned: unknown = this.#options.onSettlement?.(settlement);
      if (returned instanceof Promise) returned.catch(() => {});
    } catch {
      // As above.
    }
  }

  /** No listener stays on the caller's signal once the end is decided. */
  #unlink(): void {
    for (const unlink of this.#links) unlink();
    this.#links = [];
  }

  #settledOtherwise(what: string): SettlementError {
    const intent = this.#ending?.intent;
    const spendHappened = intent !== undefined && !isIntent(intent, "release");
    return this.#error(`${what} was called on a reservation that is already settled.`, spendHappened);
  }

  /** The books have no place for this spend any more: what is above the settled amount becomes a dead letter. */
  #spentLate(what: string, total: Amount): SettlementError {
    const { unit } = this.reserved;
    const stated = amountIn(total, unit);
    const beyond = (stated ?? 0n) - this.#settledOwn;
    const isMore = beyond > this.#late;
    if (isMore) this.#late = beyond;
    // A letter replaces the one before it: what is no amount must not take away what was stated in good form.
    const known = this.#late > 0n ? { unit, amount: this.#late } : undefined;
    if (isMore || stated === undefined) this.#destination.late(known);
    const message = `${what} was called on a reservation that is already settled. The spend is kept as a dead letter.`;
    return this.#error(message, true);
  }

  #rejected(settlement: Settlement): SettlementError {
    return this.#error("The commit was refused for good; the action happened, do not repeat it.", true, settlement);
  }

  #lapsed(settlement: Settlement): SettlementError {
    const spendHappened = settlement.status !== "released";
    return this.#error("The lease was lost while the body ran.", spendHappened, settlement, this.#leaseLost);
  }

  #error(message: string, spendHappened: boolean, settlement?: Settlement, cause?: Error): SettlementError {
    const { id: reservationId, idempotencyKey } = this;
    const fields = { spendHappened, reservationId, idempotencyKey, settlement };
    return new SettlementError(message, fields, { cause: cause ?? settlement?.error });
  }
}

function isIntent<Kind extends Intent["kind"]>(ending: Ending, kind: Kind): ending is Extract<Intent, { kind: Kind }> {
  return typeof ending === "object" && ending.kind === kind;
}

/** The amount of a total, read once; `undefined` where it is no amount of that unit. */
function amountIn(total: Amount, unit: string): bigint | undefined {
  try {
    const stated = { unit: total.unit, amount: total.amount };
    return stated.unit === unit && typeof stated.amount === "bigint" ? stated.amount : undefined;
  } catch {
    return undefined;
  }
}

function withBasis(settlement: Settlement, basis: Spend["basis"] | undefined): Settlement {
  return basis === undefined || settlement.basis !== undefined ? settlement : { ...settlement, basis };
}
