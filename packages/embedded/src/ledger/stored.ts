import { type Subject } from "@imprest/core";
import { type ExactJson, parseJson, stringifyJson } from "@imprest/core/internal";
import type { Budget, BudgetBalance } from "./budget.ts";
import type { Remembered } from "./idempotency-memory.ts";
import type { EventOutcome, Evaluation } from "./outcomes.ts";
import type { Reservation, ReservationSettlement } from "./reservation.ts";
import type { RollingWindow } from "./period-state.ts";
import type { Scopes } from "./scopes.ts";
import type { Tenant } from "./tenant.ts";

// How the ledger's entries stand in a store: `<kind>/<identity>` and a JSON text with exact integers.

export const entryKey = {
  tenant: ({ name }: Tenant): string => `tenant/${name}`,
  budget: ({ tenant, scopePath, unit }: Budget): string => `budget/${tenant}/${scopePath}/${unit}`,
  reservation: ({ id }: Reservation): string => `reservation/${id}`,
  // Written as JSON, because a key may hold what a store cannot (a NUL, half a surrogate pair).
  remembered: (key: string): string => `remembered/${JSON.stringify(key)}`,
  apiKey: (id: string): string => `api-key/${id}`,
};

export const entryText = {
  tenant: ({ name, status, closedAtMs }: Tenant): string => stringifyJson({ name, status, closedAtMs }),
  budget: (budget: Budget): string => stringifyJson(budget),
  reservation: (reservation: Reservation): string => {
    const { queuePosition: _queuePosition, scopes: _scopes, budgets, extensions, ...fields } = reservation;
    return stringifyJson({
      ...fields,
      budgets: budgets.map(({ scopePath }) => scopePath),
      extensions: extensions && Array.from(extensions),
    });
  },
  remembered: (entry: Remembered): string => stringifyJson(entry),
};

type Entry = Record<string, ExactJson>;

function readEntry(text: string): Entry {
  return parseJson(text) as Entry;
}

/** Integers below 2^53 come back from JSON as numbers. */
function exact(value: ExactJson | undefined): bigint {
  return BigInt(value as bigint | number);
}

/** Reads what `entryText` wrote; the store is the ledger's own, so entries are trusted to be of their kind. */
export const readStored = {
  tenant(text: string): Omit<Tenant, "budgets"> {
    const { name, status, closedAtMs } = readEntry(text) as unknown as Tenant;
    return { name, status, closedAtMs };
  },

  budget(text: string): Budget {
    const entry = readEntry(text);
    const { allocated, spent, reserved, debt, overdraftLimit } = entry;
    const { overagePolicy, period, window } = entry as unknown as Budget;
    return {
      ...(entry as unknown as Budget),
      allocated: exact(allocated),
      spent: exact(spent),
      reserved: exact(reserved),
      debt: exact(debt),
      overdraftLimit: exact(overdraftLimit),
      overagePolicy,
      period: period && { ...period, allocation: exact(period.allocation) },
      window: window && { ...window, slices: window.slices.map(readSlice) },
    };
  },

  /** `budgetAt` finds the budgets that the reservation holds of, `scopesOf` its scopes. */
  reservation(
    text: string,
    budgetAt: (tenant: string, scopePath: string, unit: string) => Budget,
    scopesOf: (subject: Subject) => Scopes,
  ): Reservation {
    const entry = readEntry(text);
    const fields = entry as unknown as Reservation & {
      readonly budgets: readonly string[];
      readonly extensions?: readonly [string, { fingerprint: string; expiresAtMs: number }][];
    };
    return {
      ...fields,
      hasFixedLease: fields.hasFixedLease,
      caps: fields.caps,
      snapshot: fields.snapshot,
      metadata: fields.metadata,
      metadataBytes: fields.metadataBytes ?? 0,
      runCounters: fields.runCounters,
      finalizedAtMs: fields.finalizedAtMs,
      reserved: exact(entry["reserved"]),
      scopes: scopesOf(fields.subject),
      budgets: fields.budgets.map((scopePath: string) => budgetAt(fields.tenant, scopePath, fields.unit)),
      settlement: fields.settlement && readSettlement(entry["settlement"] as Entry),
      extensions: fields.extensions && new Map(fields.extensions),
      queuePosition: -1,
    };
  },

  remembered(text: string): Remembered {
    const entry = readEntry(text);
    const remembered = entry as unknown as Remembered;
    return { ...remembered, outcome: readOutcome(remembered.operation, entry["outcome"] as Entry) };
  },
};

function readSlice(slice: RollingWindow["slices"][number]): RollingWindow["slices"][number] {
  return { ...slice, spent: exact(slice.spent) };
}

function readSettlement(entry: Entry): ReservationSettlement {
  const { charged, released } = entry;
  return { ...(entry as unknown as ReservationSettlement), charged: exact(charged), released: exact(released) };
}

function readOutcome(operation: Remembered["operation"], entry: Entry): Remembered["outcome"] {
  if (operation === "event") return { ...(entry as unknown as EventOutcome), charged: exact(entry["charged"]) };
  if (operation === "fund") return readBalance(entry);
  const evaluation = entry as unknown as Evaluation;
  if (evaluation.balances === undefined) return evaluation;
  return { ...evaluation, balances: (entry["balances"] as Entry[]).map(readBalance) };
}

function readBalance(entry: Entry): BudgetBalance {
  const { allocated, spent, reserved, debt, remaining, overdraftLimit } = entry;
  const { period, ...balance } = entry as unknown as BudgetBalance;
  return {
    ...balance,
    ...(period && { period: { ...period, allocation: exact(period.allocation) } }),
    allocated: exact(allocated),
    spent: exact(spent),
    reserved: exact(reserved),
    debt: exact(debt),
    remaining: exact(remaining),
    overdraftLimit: exact(overdraftLimit),
  };
}
