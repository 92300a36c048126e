import { type Amount, type Subject } from "@imprest/core";
import { int64Max } from "@imprest/core/internal";
import { unitMismatch } from "./availability.ts";
import { type Books, type Budget, type BudgetBalance, balanceOf, booksOf } from "./budget.ts";
import { type CalendarPeriods, type EqualPeriods, newPeriod } from "./budget-period.ts";
import { type OveragePolicy, overagePolicies } from "./overage-policy.ts";
import type { BudgetChange } from "./facts.ts";
import { fingerprint } from "./fingerprint.ts";
import { LedgerRefusal } from "./refusal.ts";
import { checkAmount, checkIdempotencyKey } from "./requests.ts";
import { type RollingPeriod, newWindow } from "./rolling-window.ts";
import { assertName, deriveScopes } from "./scopes.ts";
import { giveBack } from "./settle.ts";
import type { LedgerState } from "./state.ts";
import { type Tenant, budgetsOf } from "./tenant.ts";

/** Names the scope of a budget. */
export interface BudgetScope {
  /** The levels of the scope; the innermost one named is where the budget stands. */
  readonly scope: Subject;
  /** Who owns the budget, where `scope` does not name the tenant. */
  readonly tenant?: string | undefined;
}

export interface BudgetAddress extends BudgetScope {
  readonly unit: string;
}

export interface CreateBudget extends BudgetScope {
  readonly allocated: Amount;
  /** How much debt ALLOW_WITH_OVERDRAFT may make; none when absent. In the unit of `allocated`. */
  readonly overdraftLimit?: Amount | undefined;
  /** For charges beyond what is held, where a request does not say; of several budgets, the innermost that has one. */
  readonly overagePolicy?: OveragePolicy | undefined;
  /** When the budget begins anew: by a calendar, after a fixed time, or as a rolling window. Never when absent. */
  readonly period?: CalendarPeriods | EqualPeriods | RollingPeriod | undefined;
}

export interface FundBudget extends BudgetScope {
  readonly amount: Amount;
  /** With a key, a repeated call funds once. */
  readonly idempotencyKey?: string | undefined;
}

/** Another allocation for a budget that exists. */
export interface ResizeBudget extends BudgetScope {
  readonly allocated: Amount;
}

/** Funds from outside that pay debt off. */
export interface RepayDebt extends BudgetScope {
  readonly amount: Amount;
}

/** Makes a tenant's record; one that exists stands as it is. @throws LedgerRefusal TENANT_CLOSED. */
export function createTenant(state: LedgerState, name: string): void {
  state.begin();
  assertName(name, "The tenant");
  state.assertTenantOpen(name);
  state.tenant(name);
}

/** @throws LedgerRefusal DUPLICATE_RESOURCE, TENANT_CLOSED, INVALID_REQUEST. */
export function createBudget(state: LedgerState, request: CreateBudget): BudgetBalance {
  const createdAtMs = state.begin();
  const { allocated, overdraftLimit, overagePolicy, period } = request;
  checkAmount(allocated, "allocated");
  assertName(allocated.unit, "The unit");
  if (overdraftLimit !== undefined) {
    checkAmount(overdraftLimit, "overdraftLimit");
    if (overdraftLimit.unit !== allocated.unit) {
      throw new LedgerRefusal("INVALID_REQUEST", "overdraftLimit must be in the unit of allocated.");
    }
  }
  if (overagePolicy !== undefined && !overagePolicies.includes(overagePolicy)) {
    throw new LedgerRefusal("INVALID_REQUEST", `overagePolicy must be one of ${overagePolicies.join(", ")}.`);
  }
  const { tenant: owner, scopePath } = resolve(request);
  state.assertTenantOpen(owner);
  const nowMs = state.settings.clock.now();
  const isRolling = period !== undefined && "rollingMs" in period;
  const tenant = state.tenant(owner);
  if (tenant.budgets.get(scopePath)?.has(allocated.unit) === true) {
    throw new LedgerRefusal("DUPLICATE_RESOURCE", `${scopePath} has a budget in ${allocated.unit} already.`);
  }
  const budget: Budget = {
    tenant: owner,
    scopePath,
    unit: allocated.unit,
    allocated: allocated.amount,
    spent: 0n,
    reserved: 0n,
    debt: 0n,
    overdraftLimit: overdraftLimit?.amount ?? 0n,
    status: "ACTIVE",
    capped: false,
    createdAtMs,
    overagePolicy,
    period: period === undefined || isRolling ? undefined : newPeriod(period, allocated.amount, nowMs),
    window: isRolling ? newWindow(period) : undefined,
  };
  state.restoreBudget(tenant, budget);
  state.budgetChanged(budget);
  emitChange(state, "created", budget);
  return balanceOf(budget);
}

/**
 * Adds funds: debt is repaid first, and what is left adds to what remains (Cycles §Balance, DEBT SEMANTICS). Repaid
 * debt becomes spend, so that no consumption vanishes from the books. Clears the over-limit flag of capped charges.
 * @throws LedgerRefusal NOT_FOUND, BUDGET_FROZEN, BUDGET_CLOSED, IDEMPOTENCY_MISMATCH.
 */
export function fundBudget(state: LedgerState, request: FundBudget): BudgetBalance {
  const atMs = state.begin();
  const { amount, idempotencyKey } = request;
  checkAmount(amount, "amount");
  const { tenant, scopePath } = resolve(request);
  const print = fingerprint([scopePath, amount]);
  if (idempotencyKey !== undefined) {
    checkIdempotencyKey(idempotencyKey);
    const known = state.memory.recall(tenant, "fund", idempotencyKey, print);
    if (known !== undefined) return known;
  }
  const budget = openBudget(state, { ...request, unit: amount.unit });
  const repaid = amount.amount < budget.debt ? amount.amount : budget.debt;
  const before = booksOf(budget);
  credit(state, budget, amount.amount, repaid);
  emitChange(state, "funded", budget, before);
  const outcome = balanceOf(budget);
  if (idempotencyKey !== undefined) {
    state.remember({ tenant, operation: "fund", idempotencyKey, fingerprint: print, outcome, atMs });
  }
  return outcome;
}

/** Pays debt off with funds from outside. @throws LedgerRefusal as `fundBudget`; INVALID_REQUEST beyond the debt. */
export function repayDebt(state: LedgerState, request: RepayDebt): BudgetBalance {
  state.begin();
  const { amount } = request;
  checkAmount(amount, "amount");
  const budget = openBudget(state, { ...request, unit: amount.unit });
  if (amount.amount > budget.debt) {
    throw new LedgerRefusal("INVALID_REQUEST", `The debt is ${budget.debt}; repay no more, and fund the rest.`);
  }
  const before = booksOf(budget);
  credit(state, budget, amount.amount, amount.amount);
  emitChange(state, "debtRepaid", budget, before);
  return balanceOf(budget);
}

/**
 * Sets what is allocated, and what each later period begins with; what is spent, reserved and owed stays (Cycles governance
 * §fundBudget, RESET). Within a period, its allocation changes by as much as that of the later ones.
 * @throws LedgerRefusal as `fundBudget`; INVALID_REQUEST where less than nothing would be allocated.
 */
export function resizeBudget(state: LedgerState, request: ResizeBudget): BudgetBalance {
  state.begin();
  const { allocated } = request;
  checkAmount(allocated, "allocated");
  const budget = openBudget(state, { ...request, unit: allocated.unit });
  const { period } = budget;
  const before = booksOf(budget);
  const resized = period === undefined ? allocated.amount : budget.allocated + allocated.amount - period.allocation;
  if (resized < 0n || resized > int64Max) {
    throw new LedgerRefusal("INVALID_REQUEST", `The allocation of this period would be ${resized}.`);
  }
  if (resized > budget.allocated) budget.capped = false;
  budget.allocated = resized;
  if (period !== undefined) period.allocation = allocated.amount;
  state.budgetChanged(budget);
  emitChange(state, "resized", budget, before);
  return balanceOf(budget);
}

/** @throws LedgerRefusal NOT_FOUND, BUDGET_CLOSED, BUDGET_FROZEN when it is frozen already. */
export function freezeBudget(state: LedgerState, address: BudgetAddress): BudgetBalance {
  state.begin();
  return setStatus(state, openBudget(state, address), "FROZEN", "frozen");
}

/** @throws LedgerRefusal NOT_FOUND, BUDGET_CLOSED; INVALID_REQUEST when it is not frozen. */
export function unfreezeBudget(state: LedgerState, address: BudgetAddress): BudgetBalance {
  state.begin();
  const budget = findBudget(state, address);
  if (budget.status === "CLOSED") throw inactive(budget);
  if (budget.status === "ACTIVE") throw new LedgerRefusal("INVALID_REQUEST", "The budget is not frozen.");
  return setStatus(state, budget, "ACTIVE", "unfrozen");
}

/** Closes a budget for good; its active reservations can still be settled. @throws LedgerRefusal NOT_FOUND. */
export function closeBudget(state: LedgerState, address: BudgetAddress): BudgetBalance {
  state.begin();
  return setStatus(state, findBudget(state, address), "CLOSED", "closed");
}

/** A budget as it stands. @throws LedgerRefusal NOT_FOUND. */
export function getBudget(state: LedgerState, address: BudgetAddress): BudgetBalance {
  state.begin();
  return balanceOf(findBudget(state, address));
}

/**
 * Closes a tenant for good, with everything it owns, in one step: its reservations are released, its budgets closed
 * (Cycles governance §CASCADE SEMANTICS, mode A). Closing it again changes nothing.
 * @returns the id that ties together the facts of all that closed with it.
 * @throws LedgerRefusal NOT_FOUND.
 */
export function closeTenant(state: LedgerState, name: string): string {
  const nowMs = state.begin();
  const tenant = state.tenants.get(name);
  if (tenant === undefined) throw new LedgerRefusal("NOT_FOUND", `There is no tenant ${name}.`);
  const closeId = crypto.randomUUID();
  if (tenant.status === "CLOSED") return closeId;
  const held = new Map(Array.from(budgetsOf(tenant), (budget) => [budget, budget.reserved] as const));
  for (const reservation of state.ofTenants.of(name)) {
    if (reservation.status !== "ACTIVE") continue;
    // No request released it, so no key can replay it.
    giveBack(state, reservation, { idempotencyKey: "", fingerprint: "", reason: "tenant_closed" }, nowMs);
  }
  for (const [budget, reserved] of held) closeWithTenant(state, budget, reserved, closeId);
  tenant.status = "CLOSED";
  tenant.closedAtMs = nowMs;
  state.tenantChanged(tenant);
  state.emit({ kind: "tenantClosed", tenant: name, closeId });
  return closeId;
}

function closeWithTenant(state: LedgerState, budget: Budget, reserved: bigint, closeId: string): void {
  const { tenant, scopePath: scope, unit, status: previous } = budget;
  const about = { tenant, scope, unit, closeId };
  if (reserved > 0n) state.emit({ kind: "releasedWithTenant", ...about, released: reserved });
  if (previous === "CLOSED") return;
  budget.status = "CLOSED";
  state.budgetChanged(budget);
  state.emit({ kind: "closedWithTenant", ...about, previous });
}

function resolve({ scope, tenant: owner }: BudgetScope): { readonly tenant: string; readonly scopePath: string } {
  const scopes = deriveScopes(scope);
  const tenant = owner ?? scope.tenant;
  assertName(tenant, "The tenant that owns the budget");
  if (scope.tenant !== undefined && scope.tenant !== tenant) {
    throw new LedgerRefusal("INVALID_REQUEST", "The scope names another tenant than the budget's owner.");
  }
  return { tenant, scopePath: scopes.path };
}

function findBudget(state: LedgerState, address: BudgetAddress): Budget {
  const { tenant, scopePath } = resolve(address);
  const record: Tenant | undefined = state.tenants.get(tenant);
  const byUnit = record?.budgets.get(scopePath);
  const budget = byUnit?.get(address.unit);
  if (budget !== undefined) return budget;
  if (byUnit !== undefined) throw unitMismatch(scopePath, address.unit, [...byUnit.keys()]);
  throw new LedgerRefusal("NOT_FOUND", `Budget not found for provided scope: ${scopePath}`);
}

function openBudget(state: LedgerState, address: BudgetAddress): Budget {
  const budget = findBudget(state, address);
  if (budget.status !== "ACTIVE") throw inactive(budget);
  return budget;
}

function inactive({ scopePath, status }: Budget): LedgerRefusal {
  const reason = status === "CLOSED" ? "BUDGET_CLOSED" : "BUDGET_FROZEN";
  return new LedgerRefusal(reason, `The budget of ${scopePath} is ${status.toLowerCase()}.`, { scope: scopePath });
}

function credit(state: LedgerState, budget: Budget, amount: bigint, repaid: bigint): void {
  if (budget.allocated + amount > int64Max) {
    throw new LedgerRefusal("INVALID_REQUEST", `The allocation would exceed ${int64Max}.`);
  }
  budget.allocated += amount;
  budget.debt -= repaid;
  budget.spent += repaid;
  budget.capped = false;
  state.budgetChanged(budget);
}

function setStatus(
  state: LedgerState,
  budget: Budget,
  status: Budget["status"],
  change: "frozen" | "unfrozen" | "closed",
): BudgetBalance {
  if (budget.status === status) return balanceOf(budget);
  const before = booksOf(budget);
  budget.status = status;
  state.budgetChanged(budget);
  emitChange(state, change, budget, before);
  return balanceOf(budget);
}

function emitChange(state: LedgerState, change: BudgetChange, budget: Budget, before?: Books): void {
  const { tenant, scopePath: scope, unit } = budget;
  state.emit({ kind: "budgetChanged", tenant, scope, unit, change, before, after: booksOf(budget) });
}
