import { createHash } from "node:crypto";
import type { Activity, BudgetRow, ConsoleState, ReservationLife } from "../../pages/console-wire.ts";

/** A budget as its authority has it: when it runs out is reckoned here. */
export type SourceRow = Omit<BudgetRow, "exhaustsAtMs">;

/** What happened, before the console numbers it. */
export type NewActivity = Omit<Activity, "number">;

/** What the authority itself knows of a reservation. */
export type SourceReservation = Omit<ReservationLife, "reservationId" | "activities" | "budgets">;

/** Is called with what a source sees; no method throws. */
export interface SourceListener {
  readonly happened: (activities: readonly NewActivity[]) => void;
  /** Some budgets as they are now. */
  readonly changed: (rows: readonly SourceRow[]) => void;
  /** All budgets as they are now, or as many as there is room for. */
  readonly listed: (rows: readonly SourceRow[], isCut: boolean) => void;
  /** Called after each poll with what it failed with; with `undefined` where it did not. */
  readonly polled: (failure: unknown) => void;
}

/** Where the console looks. */
export interface ConsoleSource {
  readonly authority: ConsoleState["authority"];
  readonly live: ConsoleState["live"];
  /** Whether denials are seen, as far as is known yet. */
  readonly seesDenials: boolean;
  /** Calls the listener until the returned function is called. */
  follow(listener: SourceListener): () => void;
  /** `undefined` for a reservation that the authority does not know. @throws as the authority does. */
  reservation(id: string, signal: AbortSignal): Promise<SourceReservation | undefined>;
}

/** More rows than anybody reads; an answer of them is below a megabyte. */
export const mostBudgets = 2_000;

/** One budget has one name here, whoever asks; of one length, whatever its scope is. */
export function budgetId(tenant: string, scope: string, unit: string): string {
  const name = JSON.stringify([tenant, scope, unit]);
  return createHash("sha256").update(name).digest("base64url").slice(0, 22);
}
