import type { Subject } from "@imprest/core";
import { LedgerUnavailableError } from "./unavailable.ts";
import type { Budget } from "./budget.ts";
import type { Remembered } from "./idempotency-memory.ts";
import type { Reservation } from "./reservation.ts";
import { type Scopes, canonicalScope } from "./scopes.ts";
import { type LedgerState, finishedAt } from "./state.ts";
import type { LedgerStore } from "./store.ts";
import { entryKey, readStored } from "./stored.ts";
import { budgetsOf, newTenant } from "./tenant.ts";

/** Entries as a store held them: by kind, then by key. */
export type StoredEntries = Map<string, ReadonlyMap<string, string>>;

/**
 * Reads everything a store holds into an empty state.
 * @returns the entries of other kinds, for whoever wrote them.
 * @throws LedgerUnavailableError for an entry that cannot be read: half a ledger is worse than none.
 */
export function recover(state: LedgerState, store: LedgerStore): StoredEntries {
  const kinds = new Map<string, Map<string, string>>();
  for (const [key, text] of store.load()) {
    const kind = key.slice(0, key.indexOf("/"));
    const entries = kinds.get(kind) ?? new Map<string, string>();
    kinds.set(kind, entries.set(key, text));
  }
  const texts = (kind: string): Iterable<string> => kinds.get(kind)?.values() ?? [];
  try {
    for (const text of texts("tenant")) {
      const tenant = readStored.tenant(text);
      state.tenants.set(tenant.name, { ...newTenant(tenant.name), ...tenant });
    }
    for (const text of texts("budget")) restoreBudget(state, readStored.budget(text));
    for (const reservation of readReservations(state, texts("reservation"))) state.restoreReservation(reservation);
    assertHolds(state);
    for (const text of texts("quota")) state.counters.restore(text);
    for (const entry of readRemembered(texts("remembered"))) state.restoreKey(entry);
  } catch (error) {
    if (error instanceof LedgerUnavailableError) throw error;
    throw new LedgerUnavailableError("The ledger's store holds an entry that cannot be read.", { cause: error });
  }
  state.start();
  for (const own of ["tenant", "budget", "reservation", "remembered", "quota"]) kinds.delete(own);
  return kinds;
}

/**
 * What a budget has reserved is what its active reservations hold, and nothing is less than nothing.
 * @throws LedgerUnavailableError naming the budget: the file was damaged, or written by somebody else.
 */
function assertHolds(state: LedgerState): void {
  const held = new Map<Budget, bigint>();
  for (const { status, budgets, reserved } of state.reservations.values()) {
    if (status !== "ACTIVE") continue;
    for (const budget of budgets) held.set(budget, (held.get(budget) ?? 0n) + reserved);
  }
  for (const tenant of state.tenants.values()) {
    for (const budget of budgetsOf(tenant)) {
      const { scopePath, unit, allocated, spent, reserved, debt } = budget;
      const inReservations = held.get(budget) ?? 0n;
      const isWhole = reserved === inReservations && allocated >= 0n && spent >= 0n && debt >= 0n;
      if (isWhole) continue;
      const found = `reserved ${reserved}, while its active reservations hold ${inReservations}`;
      const message = `The ledger's store is damaged: ${scopePath} in ${unit} has ${found}, spent ${spent}, debt ${debt}.`;
      throw new LedgerUnavailableError(`${message} Restore a copy of the file; nothing was changed in it.`);
    }
  }
}

function restoreBudget(state: LedgerState, budget: Budget): void {
  const tenant = state.tenants.get(budget.tenant);
  if (tenant === undefined) throw new TypeError(`The store has a budget of ${budget.tenant}, but no such tenant.`);
  const scopePath = canonicalScope(budget.scopePath);
  if (tenant.budgets.get(scopePath)?.has(budget.unit) === true) {
    throw new TypeError(`The store has two budgets of ${scopePath} in ${budget.unit}, under spellings of one scope.`);
  }
  if (scopePath === budget.scopePath) return state.restoreBudget(tenant, budget);
  // Written when case told scopes apart. Where it stood, no request would find it, and its limit would hold no more.
  const moved = { ...budget, scopePath };
  state.restoreBudget(tenant, moved);
  state.settings.journal?.removed(entryKey.budget(budget));
  state.budgetChanged(moved);
}

/** Finished ones in the order they finished, as the retention wants them. */
function readReservations(state: LedgerState, texts: Iterable<string>): Reservation[] {
  const budgetAt = (tenant: string, scopePath: string, unit: string): Budget => {
    const budget = state.tenants.get(tenant)?.budgets.get(canonicalScope(scopePath))?.get(unit);
    if (budget === undefined) throw new TypeError(`The store has a reservation of ${scopePath}, but no such budget.`);
    return budget;
  };
  const scopesOf = (subject: Subject): Scopes => state.scopes.scopesOf(subject);
  return Array.from(texts, (text) => readStored.reservation(text, budgetAt, scopesOf)).sort(
    (one, other) => finishedAt(one) - finishedAt(other),
  );
}

function readRemembered(texts: Iterable<string>): Remembered[] {
  return Array.from(texts, (text) => readStored.remembered(text)).sort((one, other) => one.atMs - other.atMs);
}
