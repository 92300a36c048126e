import type { BudgetBalance } from "./budget.ts";
import type { Caps } from "./caps.ts";
import type { DenialDetail } from "./denial-detail.ts";
import type { Reservation } from "./reservation.ts";

/** What the ledger would do, or a policy's denial; nothing was reserved. */
export interface Evaluation {
  readonly decision: "ALLOW" | "ALLOW_WITH_CAPS" | "DENY";
  readonly scopePath: string;
  readonly affectedScopes: readonly string[];
  readonly caps?: Caps | undefined;
  /** Open (Cycles §DecisionReasonCode): the ledger's own words and those of the operator's policy. */
  readonly reasonCode?: string | undefined;
  readonly retryAfterMs?: number | undefined;
  /** Which rule denied, and what would change the answer (Cycles v0.1.26 §DenyDetail). */
  readonly denyDetail?: DenialDetail | undefined;
  /** Told by a dry run: the budgets as they stand. */
  readonly balances?: readonly BudgetBalance[] | undefined;
}

/** A reserve: budget set aside, or a policy's denial. */
export type ReserveOutcome =
  | { readonly reservation: Reservation; readonly remainingTtlMs: number }
  | { readonly reservation?: undefined; readonly denied: Evaluation };

export interface CommitOutcome {
  readonly unit: string;
  readonly charged: bigint;
  /** What was reserved and not charged. */
  readonly released: bigint;
}

export interface ReleaseOutcome {
  readonly unit: string;
  readonly released: bigint;
}

export interface ExtendOutcome {
  readonly expiresAtMs: number;
  readonly remainingTtlMs: number;
}

export interface EventOutcome {
  readonly eventId: string;
  readonly unit: string;
  /** Less than the actual when it was capped. */
  readonly charged: bigint;
  readonly capped: boolean;
}
