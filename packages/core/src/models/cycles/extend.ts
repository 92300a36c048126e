import { count, jsonObject, oneOf, wholeNumber } from "../../wire/leaves.ts";
import { type Shape, closedObject, object, optional } from "../../wire/shape.ts";
import { type Balance, balances } from "./balance.ts";
import { idempotencyKey } from "./decision.ts";

/** Moves an expiry outward, counted from where it stands (Cycles §ReservationExtendRequest). */
export interface ReservationExtendRequest {
  readonly idempotency_key: string;
  /** 1 to 86400000. */
  readonly extend_by_ms: number;
  readonly metadata?: Readonly<Record<string, unknown>> | undefined;
}

export const reservationExtendRequest: Shape<ReservationExtendRequest> = closedObject({
  idempotency_key: idempotencyKey,
  extend_by_ms: wholeNumber(1, 86_400_000),
  metadata: optional(jsonObject),
});

/** The new expiry (Cycles §ReservationExtendResponse). */
export interface ReservationExtendResponse {
  readonly status: "ACTIVE";
  /** Epoch milliseconds on the authority's clock. */
  readonly expires_at_ms: number;
  /** Milliseconds left when the answer was written; made anew on a replay. */
  readonly remaining_ttl_ms?: number | undefined;
  readonly balances?: readonly Balance[] | undefined;
}

export const reservationExtendResponse: Shape<ReservationExtendResponse> = object({
  status: oneOf(["ACTIVE"]),
  expires_at_ms: count,
  remaining_ttl_ms: optional(count),
  balances: optional(balances),
});
