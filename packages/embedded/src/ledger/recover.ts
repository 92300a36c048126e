import type { Subject } from "@imprest/core";
import { LedgerUnavailableError } from "./unavailable.ts";
import type { Budget } from "./budget.ts";
import type { Remembered } from "./idempotency-memory.ts";
import type { Reservation } from "./reservation.ts";
import type { Scopes } from "./scopes.ts";
import { type LedgerState, finishedAt } from "./state.ts";
import type { LedgerStore } from "./store.ts";
import { readStored } from "./stored.ts";
import { newTenant } from "./tenant.ts";

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
    for (const text of texts("quota")) state.counters.restore(text);
    for (const entry of readRemembered(texts("remembered"))) state.restoreKey(entry);
  } catch (error) {
    throw new LedgerUnavailableError("The ledger's store holds an entry that cannot be read.", { cause: error });
  }
  state.start();
  for (const own of ["tenant", "budget", "reservation", "remembered", "quota"]) kinds.delete(own);
  return kinds;
}

function restoreBudget(state: LedgerState, budget: Budget): void {
  const tenant = state.tenants.get(budget.tenant);
  if (tenant === undefined) throw new TypeError(`The store has a budget of ${budget.tenant}, but no such tenant.`);
  state.restoreBudget(tenant, budget);
}

/** Finished ones in the order they finished, as the retention wants them. */
function readReservations(state: LedgerState, texts: Iterable<string>): Reservation[] {
  const budgetAt = (tenant: string, scopePath: string, unit: string): Budget => {
    const budget = state.tenants.get(tenant)?.budgets.get(scopePath)?.get(unit);
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
