export { capped } from "./caps.ts";
export type { DeadLetter, DeadLetterKind, DeadLetters } from "./dead-letters.ts";
export { type OptionsOf, type RequestOf, guard, guardStream } from "./guard.ts";
export { openReservation } from "./open-reservation.ts";
export type { BodyOptions, ReservationOptions } from "./options.ts";
export type {
  Action,
  Attempt,
  CallOptions,
  CallTerms,
  Cap,
  Decision,
  Environment,
  EvidenceReference,
  Grant,
  Intent,
  Lease,
  Metadata,
  Metrics,
  ReservationContext,
  ReserveRequest,
  Settlement,
  Settling,
  SpendAuthority,
  Spend,
  Subject,
} from "./port.ts";
export type { Reservation, SpendExtras } from "./reservation.ts";
export { type Recovery, type SettlementQueue, settlementQueue } from "./settlement-queue.ts";
export type { OnOutcome } from "./settlement-task.ts";
export { withReservation } from "./with-reservation.ts";
export { type ReservationStream, type StreamSource, withReservationStream } from "./with-reservation-stream.ts";
export { readSettling, settlingKey, settlingPrefix, writeSettling } from "./settling-record.ts";
