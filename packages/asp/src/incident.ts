import type { Amount } from "@imprest/core";

/**
 * What an operator should be alerted to at once. `spendHappened` says whether the provider was paid for something that the
 * budget does not cover.
 * - `expiring`: the lease ends soon, and ASP has no way to lengthen it.
 * - `late_commit`: the commit leaves after the TTL; within the grace window the authority still takes it (ASP §3.2).
 * - `over_cap`: a commit was charged beyond its reservation (ASP §3.1 CHARGE_OVERAGE: "MUST surface").
 * - `overage_rejected`: the same, refused; the reservation is quarantined and the call uncovered (ASP §3.1).
 * - `expired_beyond_grace`: the commit came too late; the spend needs reconciling out of band (ASP §3.2).
 */
export interface AspIncident {
  readonly kind: "expiring" | "late_commit" | "over_cap" | "overage_rejected" | "expired_beyond_grace";
  readonly reservationId: string;
  readonly spendHappened: boolean;
  /** What is left of the lease, in milliseconds; negative once it is over. */
  readonly remainingMs?: number | undefined;
  /** The authority's grace window where it is known, in milliseconds. */
  readonly graceWindowMs?: number | undefined;
  /** Charged beyond the reservation, for `over_cap`; else what was spent. */
  readonly amount?: Amount | undefined;
  readonly error?: Error | undefined;
}
