import { type ProtoCodec, type ProtoStruct, atomic, bytes, list, message, struct, text } from "./proto-json.ts";

/** ASP §4. Idempotent on (`reservationId`, `idempotencyKey`). */
export interface CommitRequest {
  readonly reservationId: string;
  /** In the unit of the claim. */
  readonly amountAtomicObserved: bigint;
  readonly providerResponseFacts?: ProtoStruct | undefined;
  readonly idempotencyKey: string;
  /** SHA-256 over the JCS form of this request in proto3 JSON, without this field; the draft leaves both open. */
  readonly requestBodyHash?: Uint8Array | undefined;
}

export const commitRequest: ProtoCodec<CommitRequest> = message<CommitRequest>(
  {
    reservationId: text,
    amountAtomicObserved: atomic,
    providerResponseFacts: struct,
    idempotencyKey: text,
    requestBodyHash: bytes,
  },
  ["reservationId", "amountAtomicObserved", "idempotencyKey"],
);

/** ASP §4. Both amounts are absent when exactly the reserved amount was observed. */
export interface CommitResponse {
  /** Reserved beyond what was observed. */
  readonly refundAmountAtomic?: bigint | undefined;
  /** Observed beyond what was reserved, charged under CHARGE_OVERAGE. */
  readonly chargeAmountAtomic?: bigint | undefined;
  readonly auditEventSignature?: Uint8Array | undefined;
}

export const commitResponse: ProtoCodec<CommitResponse> = message<CommitResponse>(
  { refundAmountAtomic: atomic, chargeAmountAtomic: atomic, auditEventSignature: bytes },
  [],
);

/** ASP §4. */
export interface ReleaseRequest {
  readonly reservationId: string;
  readonly idempotencyKey: string;
  /** `"provider_error"`, `"client_timeout"`, `"run_cancelled"` … */
  readonly reasonCodes?: readonly string[] | undefined;
}

export const releaseRequest: ProtoCodec<ReleaseRequest> = message<ReleaseRequest>(
  { reservationId: text, idempotencyKey: text, reasonCodes: list(text) },
  ["reservationId", "idempotencyKey"],
);

/** ASP §4. */
export interface ReleaseResponse {
  readonly auditEventSignature?: Uint8Array | undefined;
}

export const releaseResponse: ProtoCodec<ReleaseResponse> = message<ReleaseResponse>(
  { auditEventSignature: bytes },
  [],
);

/** Reverses a commit; the draft names the verb and leaves the shape out (ASP §4 "Refund"). */
export interface RefundRequest {
  readonly reservationId: string;
  readonly amountAtomic: bigint;
  readonly reasonCodes?: readonly string[] | undefined;
  readonly idempotencyKey: string;
}

export const refundRequest: ProtoCodec<RefundRequest> = message<RefundRequest>(
  { reservationId: text, amountAtomic: atomic, reasonCodes: list(text), idempotencyKey: text },
  ["reservationId", "amountAtomic", "idempotencyKey"],
);

/** The answer to a refund; the draft names the operation and gives no message for it, so this is our reading. */
export interface RefundResponse {
  readonly refundedAmountAtomic?: bigint | undefined;
  readonly originalCommitEventId?: string | undefined;
  readonly auditEventSignature?: Uint8Array | undefined;
}

export const refundResponse: ProtoCodec<RefundResponse> = message<RefundResponse>(
  { refundedAmountAtomic: atomic, originalCommitEventId: text, auditEventSignature: bytes },
  [],
);
