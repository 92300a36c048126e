import type { Caps } from "./caps.ts";
import type { DenialDetail } from "./denial-detail.ts";
import type { Reservation } from "./reservation.ts";
import type { ScopeBalance, Snapshot } from "./snapshot.ts";

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
  readonly balances?: readonly ScopeBalance[] | undefined;
}

/** A reserve: budget set aside, or a policy's denial. */
export type ReserveOutcome =
  | {
      readonly reservation: Readonly<Reservation>;
      readonly remainingTtlMs: number;
      /** Of the reservation's budgets, outermost first, once they held it. A replay repeats them. */
      readonly balances: readonly ScopeBalance[] | undefined;
    }
  | { readonly reservation?: undefined; readonly denied: Evaluation };

export interface CommitOutcome {
  readonly unit: string;
  readonly charged: bigint;
  /** What was reserved and not charged. */
  readonly released: bigint;
  /** Of the reservation's budgets, outermost first, as they stood afterwards. A replay repeats them. */
  readonly balances: readonly ScopeBalance[] | undefined;
}

export interface ReleaseOutcome {
  readonly unit: string;
  readonly released: bigint;
  /** As of a commit. */
  readonly balances: readonly ScopeBalance[] | undefined;
}

export interface ExtendOutcome {
  readonly expiresAtMs: number;
  readonly remainingTtlMs: number;
  /** As of a commit. */
  readonly balances: readonly ScopeBalance[] | undefined;
}

export interface EventOutcome {
  readonly eventId: string;
  readonly unit: string;
  /** Less than the actual when it was capped. */
  readonly charged: bigint;
  readonly capped: boolean;
  /** The scopes that were charged, outermost first, and their books afterwards; absent in what an earlier version stored. */
  readonly scopePaths?: readonly string[] | undefined;
  readonly snapshot?: Snapshot | undefined;
}
