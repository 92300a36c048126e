export { capped } from "./caps.ts";
export type { DeadLetter, DeadLetterKind, DeadLetters } from "../settlement/dead-letters.ts";
export { type OptionsOf, type RequestOf, guard, guardStream } from "./guard.ts";
export { openReservation } from "./open-reservation.ts";
export type { BodyOptions, ReservationOptions } from "./options.ts";
export type {
  Action,
  Attempt,
  CallOptions,
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
} from "../authority/authority.ts";
export type { Reservation, SpendExtras } from "../authority/reservation.ts";
export { type Recovery, type SettlementQueue, settlementQueue } from "../settlement/settlement-queue.ts";
export type { OnOutcome } from "../settlement/delivery.ts";
export { withReservation } from "./with-reservation.ts";
export { type ReservationStream, type StreamSource, withReservationStream } from "./with-reservation-stream.ts";
export { readSettling, settlingKey, settlingPrefix, writeSettling } from "../settlement/instruction.ts";
