import { createHash } from "node:crypto";
import type { Activity, BudgetRow, ConsoleState, ReservationLife } from "../../pages/console-wire.ts";

/** A budget as its authority has it: when it runs out is reckoned here. */
export type SourceRow = Omit<BudgetRow, "exhaustsAtMs">;

/** What happened, before the console numbers it. */
export type NewActivity = Omit<Activity, "number">;

/** What the authority itself knows of a reservation. */
export type SourceReservation = Omit<ReservationLife, "reservationId" | "activities" | "budgets">;

/** Hears what a source sees; no method throws. */
export interface SourceListener {
  readonly happened: (activities: readonly NewActivity[]) => void;
  /** Some budgets as they are now. */
  readonly changed: (rows: readonly SourceRow[]) => void;
  /** All budgets as they are now, or as many as there is room for. */
  readonly listed: (rows: readonly SourceRow[], isCut: boolean) => void;
  /** Whether the authority could be looked at. */
  readonly looked: (failure: unknown) => void;
}

/** Where the console looks. */
export interface ConsoleSource {
  readonly authority: ConsoleState["authority"];
  readonly live: ConsoleState["live"];
  /** Whether denials are seen, as far as is known yet. */
  readonly seesDenials: boolean;
  /** Looks, and goes on looking until the returned function is called. */
  follow(listener: SourceListener): () => void;
  /** `undefined` for a reservation that the authority does not know. @throws as the authority does. */
  reservation(id: string, signal: AbortSignal): Promise<SourceReservation | undefined>;
}

/** More rows than anybody reads; an answer of them is below a megabyte. */
export const mostBudgets = 2_000;

/** Longer than any name that an authority of ours takes; a server elsewhere may send a megabyte. */
const longestText = 512;

/** A text of another party, short enough to be kept in numbers. */
export function bounded(text: string): string {
  // Not within a pair of surrogates.
  return text.length <= longestText ? text : `${text.slice(0, longestText).replace(/[\uD800-\uDBFF]$/, "")}…`;
}

/** One budget has one name here, whoever asks; of one length, whatever its scope is. */
export function budgetId(tenant: string, scope: string, unit: string): string {
  const name = JSON.stringify([tenant, scope, unit]);
  return createHash("sha256").update(name).digest("base64url").slice(0, 22);
}

/** Caps as they came, unless they are too much to keep beside every reservation. */
export function boundedCaps(caps: object | undefined): { readonly caps?: Readonly<Record<string, unknown>> } {
  if (caps === undefined) return {};
  const text = JSON.stringify(caps, (_name, value: unknown) => (typeof value === "bigint" ? String(value) : value));
  return text.length > longestText ? {} : { caps: JSON.parse(text) as Readonly<Record<string, unknown>> };
}
