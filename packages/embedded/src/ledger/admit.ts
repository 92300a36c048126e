import type { DenialDetail } from "./denial-detail.ts";
import type { Counted, QuotaCounters } from "./quota-counters.ts";
import type { DecideRequest } from "./requests.ts";
import type { Scopes } from "./scopes.ts";

/** Why an action policy says no. */
export interface ActionDenial {
  readonly reason: "ACTION_KIND_DENIED" | "ACTION_KIND_NOT_ALLOWED" | "ACTION_QUOTA_EXCEEDED";
  readonly message: string;
  readonly detail: DenialDetail;
}

/** A counter that a reserve raises. */
export interface Count {
  readonly key: string;
  readonly expiresAtMs: number;
  /** Taken back when the reservation is released or expires (Cycles action kinds §PER_RUN COUNTER LIFECYCLE). */
  readonly isPerRun: boolean;
  readonly used: number;
  readonly threshold: number;
  /** What the counter counts. */
  readonly about: Counted;
}

/** The denial, or what a reserve is to count. */
export type Admission =
  | { readonly denial: ActionDenial }
  | { readonly denial?: undefined; readonly counts: readonly Count[] };

/** Which kinds of action a ledger admits. Changes nothing. @throws LedgerRefusal INVALID_REQUEST. */
export type Admit = (
  request: DecideRequest,
  scopes: Scopes,
  counters: Pick<QuotaCounters, "used">,
  nowMs: number,
) => Admission;

/** Admits every kind: a ledger without an operator's rules has nobody who could declare one. */
export const admitEvery: Admit = () => ({ counts: [] });
