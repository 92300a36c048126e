import { type Clock, systemClock } from "@imprest/core";
import { type Admit, admitEvery } from "./admit.ts";
import type { Budget, BudgetBalance } from "./budget.ts";
import { decide, dryRun, observe } from "./evaluate.ts";
import { recordEvent } from "./event.ts";
import { extend } from "./extend.ts";
import type { Cause, FactListener, Moment } from "./facts.ts";
import { Journal } from "./journal.ts";
import { type ListBalancesRequest, listBalances } from "./list-balances.ts";
import { type ListBudgetsRequest, listBudgets } from "./list-budgets.ts";
import { type ListReservationsRequest, listReservations } from "./list-reservations.ts";
import * as operator from "./operator.ts";
import type {
  CommitOutcome,
  EventOutcome,
  Evaluation,
  ExtendOutcome,
  ReleaseOutcome,
  ReserveOutcome,
} from "./outcomes.ts";
import type { ChargePolicy, OverdraftRule } from "./overage-policy.ts";
import type { Page } from "./page.ts";
import { type Policy, checkPolicyRules } from "./policy.ts";
import type { QuotaCounter } from "./quota-counters.ts";
import {
  type ListQuotaCountersRequest,
  type ResetQuotaCounterRequest,
  listQuotaCounters,
  resetQuotaCounter,
} from "./quota-operator.ts";
import { type StoredEntries, recover } from "./recover.ts";
import type {
  Calling,
  CommitRequest,
  DecideRequest,
  EventRequest,
  ExtendRequest,
  LedgerReserveRequest,
  ReleaseRequest,
} from "./requests.ts";
import { reserve } from "./reserve.ts";
import type { Reservation } from "./reservation.ts";
import { type Retention, defaultMetadataBytes } from "./retention.ts";
import { commit, expired, ownReservation, release } from "./settle.ts";
import { LedgerState } from "./state.ts";
import type { LedgerStore } from "./store.ts";
import type { TenantInfo } from "./tenant.ts";
import { type TightestBudgetRequest, tightestBudget } from "./tightest-budget.ts";

/** What a ledger works with. */
export interface LedgerOptions {
  readonly clock?: Clock | undefined;
  /** Where the ledger outlives its process; without it, memory only. */
  readonly store?: LedgerStore | undefined;
  /** The operator's caps and denials. */
  readonly policy?: Policy | undefined;
  /** How often one reservation may be extended. By default: 10, as at the reference server. */
  readonly maxExtensions?: number | undefined;
  /**
   * How much of an overage becomes debt under ALLOW_WITH_OVERDRAFT. By default: `"overage"`, the letter of the specification;
   * `"shortfall"` is what the reference server does.
   */
  readonly overdraft?: OverdraftRule | undefined;
  /**
   * What becomes of a spend beyond what is held for it, where neither its request nor a budget says. Default:
   * `"ALLOW_IF_AVAILABLE"`, as Cycles has it: what the budgets lack stays out of the books.
   */
  readonly overagePolicy?: ChargePolicy | undefined;
  readonly retention?: Retention | undefined;
  /** Bytes of metadata that one request may carry. By default: 16,384. */
  readonly maxMetadataBytes?: number | undefined;
  /** Active reservations of a tenant at once; one more is refused (`LIMIT_EXCEEDED`). By default: 100,000. */
  readonly maxActiveReservations?: number | undefined;
  /** Tenants whose reserves over the wire are evaluated and reported, never enforced (Cycles v0.1.26 §OBSERVE MODE). */
  readonly observedTenants?: readonly string[] | undefined;
}

/**
 * The one ledger: budgets, reservations and their laws, in no protocol's words. Every method is synchronous, so that
 * operations are atomic and happen one after another; `durable` resolves when what they changed can be acknowledged.
 * Each throws `LedgerRefusal` for what it refuses, and `LedgerUnavailableError` once its store has failed.
 */
export class Ledger {
  readonly journal: Journal | undefined;
  readonly #state: LedgerState;
  readonly #store: LedgerStore | undefined;
  readonly #foreign: StoredEntries;
  readonly #observed: ReadonlySet<string>;

  /**
   * @param admit the operator's rules on kinds of action, of `admissionBy`; every kind without them.
   * @throws ConfigurationError for a policy that cannot be used, LedgerUnavailableError for an unreadable store.
   */
  constructor(options: LedgerOptions = {}, admit: Admit = admitEvery) {
    const { clock = systemClock, store, policy, maxExtensions = 10, overdraft = "overage" } = options;
    const { retention: kept = {}, maxActiveReservations = 100_000 } = store?.bounds ?? {};
    const retention = { ...kept, ...options.retention };
    const { maxMetadataBytes = 16_384, overagePolicy = "ALLOW_IF_AVAILABLE" } = options;
    const active = {
      reservations: options.maxActiveReservations ?? maxActiveReservations,
      metadataBytes: defaultMetadataBytes,
    };
    checkPolicyRules(policy);
    this.#observed = new Set(options.observedTenants);
    this.#store = store;
    this.journal = store && new Journal(store);
    const rules = { policy, admit, maxExtensions, overdraft, overagePolicy, maxMetadataBytes, active };
    this.#state = new LedgerState({ clock, journal: this.journal, retention, ...rules });
    this.#foreign = store === undefined ? new Map() : this.#recover(store);
  }

  /** A store that is refused is given up, so that it can be opened once it is mended. */
  #recover(store: LedgerStore): StoredEntries {
    try {
      return recover(this.#state, store);
    } catch (error) {
      this.#state.stop();
      store.close();
      throw error;
    }
  }

  /** Hands out, once, the entries of a kind of someone else's that the store held when the ledger opened. */
  claim(kind: string): ReadonlyMap<string, string> {
    const entries = this.#foreign.get(kind) ?? new Map<string, string>();
    this.#foreign.delete(kind);
    return entries;
  }

  /** @param id of a reservation that is restored from elsewhere; a fresh one is made without it. */
  reserve(request: LedgerReserveRequest, id?: string): ReserveOutcome {
    return reserve(this.#state, request, id);
  }

  dryRun(request: LedgerReserveRequest): Evaluation {
    return dryRun(this.#state, request);
  }

  /** As `dryRun`, and emits what came of it. */
  observe(request: LedgerReserveRequest): Evaluation {
    return observe(this.#state, request);
  }

  /** Whether a tenant's reserves are only watched, where a request does not say. */
  isObserved(tenant: string): boolean {
    return this.#observed.has(tenant);
  }

  tightestBudget(request: TightestBudgetRequest): BudgetBalance | undefined {
    return tightestBudget(this.#state, request);
  }

  decide(request: DecideRequest): Evaluation {
    return decide(this.#state, request);
  }

  commit(request: CommitRequest): CommitOutcome {
    return commit(this.#state, request);
  }

  release(request: ReleaseRequest): ReleaseOutcome {
    return release(this.#state, request);
  }

  extend(request: ExtendRequest): ExtendOutcome {
    return extend(this.#state, request);
  }

  recordEvent(request: EventRequest): EventOutcome {
    return recordEvent(this.#state, request);
  }

  /** For how many milliseconds back the key of every event of a tenant is certainly still remembered. */
  eventsRememberedMs(tenant: string): number {
    return this.#state.eventsRememberedMs(tenant);
  }

  /** One reservation; an expired one is refused (Cycles §getReservation, EXPIRY) but stands in lists. */
  getReservation(caller: Calling, reservationId: string): Readonly<Reservation> {
    this.#state.begin();
    const reservation = ownReservation(this.#state, caller, reservationId);
    if (reservation.status === "EXPIRED") throw expired();
    return reservation;
  }

  listReservations(request: ListReservationsRequest): Page<Readonly<Reservation>> {
    return listReservations(this.#state, request);
  }

  listBalances(request: ListBalancesRequest): Page<BudgetBalance> {
    return listBalances(this.#state, request);
  }

  createTenant(name: string): void {
    operator.createTenant(this.#state, name);
  }

  /** @returns the id that ties together the facts of all that closed. */
  closeTenant(name: string): string {
    return operator.closeTenant(this.#state, name);
  }

  /** Hands every fact to the listener, too, from now on; without one, none is made. */
  listen(listener: FactListener): void {
    this.#state.listen(listener);
  }

  /** Now, and the request that is being dealt with. */
  moment(): Moment {
    return this.#state.moment();
  }

  /** Does something on behalf of a request: every fact of it names that request. */
  causedBy<Outcome>(cause: Cause, operation: () => Outcome): Outcome {
    return this.#state.causedBy(cause, operation);
  }

  /** Budgets with all that they hold, by scope path. */
  listBudgets(request: ListBudgetsRequest): Page<Readonly<Budget>> {
    return listBudgets(this.#state, request);
  }

  listQuotaCounters(request: ListQuotaCountersRequest): Page<QuotaCounter> {
    return listQuotaCounters(this.#state, request);
  }

  resetQuotaCounter(request: ResetQuotaCounterRequest): { readonly counter: QuotaCounter; readonly previous: number } {
    return resetQuotaCounter(this.#state, request);
  }

  listTenants(): readonly TenantInfo[] {
    this.#state.begin();
    return Array.from(this.#state.tenants.values(), ({ name, status }) => ({ name, status }));
  }

  /** Whether a tenant has a record here. */
  hasTenant(name: string): boolean {
    return this.#state.tenants.has(name);
  }

  /** @throws LedgerRefusal TENANT_CLOSED. */
  assertTenantOpen(name: string): void {
    this.#state.assertTenantOpen(name);
  }

  createBudget(request: operator.CreateBudget): BudgetBalance {
    return operator.createBudget(this.#state, request);
  }

  fundBudget(request: operator.FundBudget): BudgetBalance {
    return operator.fundBudget(this.#state, request);
  }

  resizeBudget(request: operator.ResizeBudget): BudgetBalance {
    return operator.resizeBudget(this.#state, request);
  }

  repayDebt(request: operator.RepayDebt): BudgetBalance {
    return operator.repayDebt(this.#state, request);
  }

  freezeBudget(address: operator.BudgetAddress): BudgetBalance {
    return operator.freezeBudget(this.#state, address);
  }

  unfreezeBudget(address: operator.BudgetAddress): BudgetBalance {
    return operator.unfreezeBudget(this.#state, address);
  }

  closeBudget(address: operator.BudgetAddress): BudgetBalance {
    return operator.closeBudget(this.#state, address);
  }

  getBudget(address: operator.BudgetAddress): BudgetBalance {
    return operator.getBudget(this.#state, address);
  }

  /** Whether it is open and its store has not failed. */
  get isSound(): boolean {
    return this.#state.isOpen && this.journal?.isSound !== false;
  }

  /** Resolves once everything done so far is durable. @throws LedgerUnavailableError when it will not be. */
  async durable(): Promise<undefined> {
    await this.journal?.durable();
  }

  /** Does something at once, and resolves once it is durable. */
  async durably<Outcome>(operation: () => Outcome): Promise<Outcome> {
    const outcome = operation();
    await this.journal?.durable();
    return outcome;
  }

  /** Stops the timer, waits for what is unwritten, and closes the store. */
  async close(): Promise<void> {
    this.#state.stop();
    try {
      await this.durable();
    } finally {
      this.#store?.close();
    }
  }
}
