export type { SettlingAuthority, SpendAuthority } from "./authority.ts";
export type { BudgetBooks, BudgetQuery } from "./balance.ts";
export type { Environment, ReservationContext, RetryOptions } from "./environment.ts";
export type { Cap, Decision, EvidenceReference, Grant, Lease } from "./grant.ts";
export { type GuardedCall, Observer, type SpendEvents } from "./observer.ts";
export {
  type Action,
  type CallOptions,
  type CallTerms,
  type Metadata,
  type RequestExtensions,
  type ReserveRequest,
  type Subject,
  type SubjectLevel,
  subjectLevels,
} from "./request.ts";
export type { CommitDetails, Reservation, SpendExtras } from "./reservation.ts";
export type {
  Attempt,
  Intent,
  Metrics,
  ReleaseCode,
  ReleaseReason,
  Settlement,
  SettlementInstruction,
  Spend,
} from "./settlement.ts";
export { type AuthoritySource, authorityOf } from "./source.ts";
