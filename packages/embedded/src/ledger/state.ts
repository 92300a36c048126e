import type { Clock, Timer } from "@imprest/core";
import type { Admit } from "./admit.ts";
import { type Books, type Budget, booksOf } from "./budget.ts";
import { BudgetWatch } from "./budget-watch.ts";
import { ExpiryQueue } from "./expiry-queue.ts";
import type { Cause, Fact, FactListener, Moment } from "./facts.ts";
import { IdempotencyMemory, type Operation, type Outcomes, type Remembered, keyOf } from "./idempotency-memory.ts";
import type { Journal } from "./journal.ts";
import type { ChargePolicy, OverdraftRule } from "./overage-policy.ts";
import { Periods } from "./periods.ts";
import type { Policy } from "./policy.ts";
import { QuotaCounters } from "./quota-counters.ts";
import { LedgerRefusal } from "./refusal.ts";
import { type Reservation, type ReservationStatus, heldBy, metadataBytesOf } from "./reservation.ts";
import { type Retention, defaultMetadataBytes } from "./retention.ts";
import { ScopeTree } from "./scopes.ts";
import { entryKey, entryText } from "./stored.ts";
import { type Tenant, newTenant } from "./tenant.ts";
import { type ActiveBounds, TenantReservations } from "./tenant-reservations.ts";
import { TenantRetention } from "./tenant-retention.ts";
import { ledgerTime } from "./time.ts";
import { LedgerUnavailableError } from "./unavailable.ts";

export interface LedgerSettings {
  readonly clock: Clock;
  readonly journal: Journal | undefined;
  readonly policy: Policy | undefined;
  readonly maxExtensions: number;
  readonly overdraft: OverdraftRule;
  readonly overagePolicy: ChargePolicy;
  readonly maxMetadataBytes: number;
  readonly active: ActiveBounds;
  readonly retention: Retention;
  readonly admit: Admit;
}

const dayMs = 86_400_000;

/** A wall clock may be set, and a machine may sleep: periods are looked after so often, whenever the next one ends. */
const longestSleepMs = 3_600_000;

/** What the ledger holds, and the few ways in which it changes. Operations are functions over it. */
export class LedgerState {
  readonly settings: LedgerSettings;
  readonly tenants: Map<string, Tenant> = new Map();
  readonly reservations: Map<string, Reservation> = new Map();
  readonly ofTenants: TenantReservations;
  readonly memory: IdempotencyMemory = new IdempotencyMemory();
  readonly scopes: ScopeTree = new ScopeTree();
  readonly counters: QuotaCounters;
  readonly #now: () => number;
  readonly #expiry = new ExpiryQueue<Reservation>();
  readonly #finished: TenantRetention<Reservation>;
  /** What moved money: forgetting it lets a replay move it again. */
  readonly #booked: TenantRetention<Remembered>;
  /** Decisions, dry runs and denials: they come in any number, and change nothing. */
  readonly #evaluated: TenantRetention<Remembered>;
  readonly #watch = new BudgetWatch((fact) => this.emit(fact));
  readonly #periods: Periods;
  readonly #listeners: FactListener[] = [];
  #cause: Cause | undefined;
  #timer: Timer | undefined;
  #timerDueAtMs = Infinity;
  #closed = false;

  constructor(settings: LedgerSettings) {
    this.settings = settings;
    this.#now = ledgerTime(settings.clock);
    this.#periods = new Periods(settings.clock, (budget, before) => this.#changedByTime(budget, before));
    this.counters = new QuotaCounters(settings.journal);
    this.ofTenants = new TenantReservations(settings.active);
    const { forMs, finishedReservations = 100_000, idempotencyKeys = 100_000 } = settings.retention;
    const { metadataBytes = defaultMetadataBytes } = settings.retention;
    const forgetKey = (entry: Remembered): void => this.#forgetKey(entry);
    const finished = { entries: finishedReservations, bytes: metadataBytes, bytesOf: metadataBytesOf };
    this.#finished = new TenantRetention({ forMs: forMs ?? 30 * dayMs, ...finished }, (reservation) =>
      this.#forget(reservation),
    );
    this.#booked = new TenantRetention({ forMs: forMs ?? 7 * dayMs, entries: idempotencyKeys }, forgetKey);
    this.#evaluated = new TenantRetention({ forMs: forMs ?? dayMs, entries: idempotencyKeys }, forgetKey);
  }

  get isOpen(): boolean {
    return !this.#closed;
  }

  /**
   * Every operation begins here: what has fallen due is settled first, so that no answer depends on when a timer ran.
   * @returns the time that the operation happens at. @throws LedgerUnavailableError once it is closed or its store failed.
   */
  begin(): number {
    if (this.#closed) throw new LedgerUnavailableError("The authority is closed; open it again.");
    this.settings.journal?.assertSound();
    const nowMs = this.#now();
    this.#expireDue(nowMs);
    this.#periods.advance();
    this.#finished.prune(nowMs);
    this.#booked.prune(nowMs);
    this.#evaluated.prune(nowMs);
    return nowMs;
  }

  /** The tenant's record, made when there is none. */
  tenant(name: string): Tenant {
    let tenant = this.tenants.get(name);
    if (tenant === undefined) {
      tenant = newTenant(name);
      this.tenants.set(name, tenant);
      this.tenantChanged(tenant);
      this.emit({ kind: "tenantCreated", tenant: name });
    }
    return tenant;
  }

  /** @throws LedgerRefusal TENANT_CLOSED. A tenant without a record is not guarded (Cycles §ERROR SEMANTICS). */
  assertTenantOpen(name: string): void {
    if (this.tenants.get(name)?.status !== "CLOSED") return;
    throw new LedgerRefusal("TENANT_CLOSED", `The tenant ${name} is closed; nothing of it can change any more.`);
  }

  /** Takes in a new reservation; its budgets already hold it. */
  addReservation(reservation: Reservation): void {
    this.restoreReservation(reservation);
    this.reservationChanged(reservation);
    for (const budget of reservation.budgets) this.budgetChanged(budget);
    this.#armTimer();
  }

  /** Puts a reservation in its places, without a write. Finished ones must come in the order they finished. */
  restoreReservation(reservation: Reservation): void {
    const { id, tenant, idempotencyKey, fingerprint, createdAtMs: atMs, status } = reservation;
    this.reservations.set(id, reservation);
    this.ofTenants.add(reservation);
    this.memory.remember({ tenant, operation: "reserve", idempotencyKey, fingerprint, outcome: reservation, atMs });
    if (status === "ACTIVE") this.#expiry.add(reservation);
    else this.#finished.add(reservation, finishedAt(reservation));
  }

  /** Ends a reservation whose budgets no longer hold it. */
  finish(reservation: Reservation, status: Exclude<ReservationStatus, "ACTIVE">, nowMs: number): void {
    this.#expiry.remove(reservation);
    this.ofTenants.end(reservation);
    reservation.status = status;
    if (status !== "EXPIRED") reservation.finalizedAtMs = nowMs;
    this.reservationChanged(reservation);
    for (const budget of reservation.budgets) this.budgetChanged(budget);
    this.#finished.add(reservation, finishedAt(reservation));
  }

  /** Gives back what a reservation that came to nothing had counted for its run. */
  uncount({ runCounters }: Reservation): void {
    for (const key of runCounters ?? []) this.counters.takeBack(key);
  }

  /** Hands every fact to the listener, too, from now on. */
  listen(listener: FactListener): void {
    this.#listeners.push(listener);
  }

  /** Whether anybody listens: what happens all the time is made a fact of for nobody else. */
  get isHeard(): boolean {
    return this.#listeners.length > 0;
  }

  /** Now, and the request that is being dealt with. */
  moment(): Moment {
    return { atMs: this.#now(), cause: this.#cause };
  }

  /** Does something on behalf of a request: every fact of it names that request. */
  causedBy<Outcome>(cause: Cause | undefined, operation: () => Outcome): Outcome {
    const before = this.#cause;
    this.#cause = cause;
    try {
      return operation();
    } finally {
      this.#cause = before;
    }
  }

  emit(fact: Fact): void {
    if (!this.isHeard) return;
    const moment = this.moment();
    for (const listener of this.#listeners) listener(fact, moment);
  }

  /** Moves the expiry of an active reservation outward. */
  postpone(reservation: Reservation, expiresAtMs: number): void {
    reservation.expiresAtMs = expiresAtMs;
    reservation.dueAtMs = expiresAtMs + reservation.graceMs;
    this.#expiry.update(reservation);
    this.reservationChanged(reservation);
  }

  remember<Kind extends Operation>(entry: Remembered<Kind> & { outcome: Outcomes[Kind] }): void {
    this.restoreKey(entry);
    this.settings.journal?.changed(rememberedKey(entry), () => entryText.remembered(entry));
  }

  /** Puts a remembered outcome in its places, without a write; oldest first. */
  restoreKey(entry: Remembered): void {
    this.memory.remember(entry);
    const kept = entry.operation === "event" || entry.operation === "fund" ? this.#booked : this.#evaluated;
    kept.add(entry, entry.atMs);
  }

  /** For how many milliseconds back every event of a tenant is certainly still remembered. */
  eventsRememberedMs(tenant: string): number {
    return this.#booked.rememberedMs(tenant, this.#now());
  }

  /** Puts a budget in its place, without a write. */
  restoreBudget(tenant: Tenant, budget: Budget): void {
    const byUnit = tenant.budgets.get(budget.scopePath) ?? new Map<string, Budget>();
    tenant.budgets.set(budget.scopePath, byUnit.set(budget.unit, budget));
    this.#periods.add(budget);
    this.#watch.look(budget);
    this.#armTimer();
  }

  /** @throws LedgerUnavailableError for books that cannot be: then the authority stops, rather than write them. */
  budgetChanged(budget: Budget): void {
    const { allocated, spent, reserved, debt } = budget;
    if (allocated < 0n || spent < 0n || reserved < 0n || debt < 0n) throw this.#broken(budget);
    if (budget.window !== undefined) {
      this.#periods.note(budget);
      this.#armTimer();
    }
    if (this.isHeard) this.#watch.look(budget);
    this.settings.journal?.changed(entryKey.budget(budget), () => entryText.budget(budget));
  }

  tenantChanged(tenant: Tenant): void {
    this.settings.journal?.changed(entryKey.tenant(tenant), () => entryText.tenant(tenant));
  }

  reservationChanged(reservation: Reservation): void {
    this.settings.journal?.changed(entryKey.reservation(reservation), () => entryText.reservation(reservation));
  }

  /** Starts the timer over what was restored. */
  start(): void {
    this.#armTimer();
  }

  /** Ends it: no timer runs, and no operation begins any more. */
  stop(): void {
    this.#closed = true;
    this.#timer?.clear();
    this.#timerDueAtMs = Infinity;
  }

  #expireDue(nowMs: number): void {
    for (;;) {
      const reservation = this.#expiry.first();
      // A commit is accepted through expires_at_ms + grace_period_ms (Cycles §createReservation).
      if (reservation === undefined || reservation.dueAtMs >= nowMs) return;
      // Time did it, not whoever's request happens to find it, who may be another tenant (Cycles governance §Event).
      this.causedBy(undefined, () => this.#expire(reservation, nowMs));
    }
  }

  #expire(reservation: Reservation, nowMs: number): void {
    for (const budget of reservation.budgets) budget.reserved -= reservation.reserved;
    this.uncount(reservation);
    this.finish(reservation, "EXPIRED", nowMs);
    const { createdAtMs, expiresAtMs } = reservation;
    const extensions = reservation.extensions?.size ?? 0;
    this.emit({ kind: "expired", ...heldBy(reservation), createdAtMs, expiresAtMs, extensions });
  }

  #broken({ scopePath, unit }: Budget): LedgerUnavailableError {
    const message = `The books of ${scopePath} in ${unit} would hold less than nothing; the authority has stopped.`;
    const failure = new LedgerUnavailableError(`${message} Open it again from its store, and report this.`);
    this.stop();
    this.settings.journal?.stop(failure);
    return failure;
  }

  /** Periods end, and windows slide, by time: whoever's request happens to find it did not do it. */
  #changedByTime(budget: Budget, before: Books | undefined): void {
    const { tenant, scopePath: scope, unit, period } = budget;
    this.causedBy(undefined, () => {
      if (before !== undefined && period !== undefined) {
        const { startsAtMs, endsAtMs } = period;
        this.emit({ kind: "periodBegan", tenant, scope, unit, startsAtMs, endsAtMs, before, after: booksOf(budget) });
      }
      this.budgetChanged(budget);
    });
  }

  /** One timer for all: set for what falls due first, and moved only when something earlier comes. */
  #armTimer(): void {
    const periodDueInMs = this.#periods.dueInMs;
    const periodDueAtMs = periodDueInMs === Infinity ? Infinity : this.#now() + Math.min(periodDueInMs, longestSleepMs);
    const dueAtMs = Math.min(this.#expiry.first()?.dueAtMs ?? Infinity, periodDueAtMs);
    if (dueAtMs >= this.#timerDueAtMs) return;
    this.#timer?.clear();
    this.#timerDueAtMs = dueAtMs;
    this.#timer = this.settings.clock.setTimer(() => this.#onTimer(), dueAtMs + 1 - this.#now());
  }

  #onTimer(): void {
    this.#timerDueAtMs = Infinity;
    try {
      this.begin();
    } catch {
      // Closed, or the store has failed: every call rejects with it, and a timer has no caller.
      return;
    }
    this.settings.journal?.durable().catch(() => {});
    this.#armTimer();
  }

  #forget(reservation: Reservation): void {
    this.reservations.delete(reservation.id);
    this.ofTenants.forget(reservation);
    this.memory.forget(reservation.tenant, "reserve", reservation.idempotencyKey);
    this.settings.journal?.removed(entryKey.reservation(reservation));
  }

  #forgetKey(entry: Remembered): void {
    this.memory.forget(entry.tenant, entry.operation, entry.idempotencyKey);
    this.settings.journal?.removed(rememberedKey(entry));
  }
}

/** An expired reservation has no finalized_at_ms (Cycles §ReservationDetail); it was over when its grace was. */
export function finishedAt(reservation: Reservation): number {
  return reservation.finalizedAtMs ?? reservation.dueAtMs;
}

function rememberedKey(entry: Remembered): string {
  return entryKey.remembered(keyOf(entry));
}
