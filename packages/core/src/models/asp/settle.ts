import { type ProtoStruct, message, protoText } from "../../wire/proto.ts";
import type { Shape } from "../../wire/shape.ts";
import { atomic, optionalAtomic, optionalBytes, optionalStruct, optionalText, optionalTexts } from "./fields.ts";

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

export const commitRequest: Shape<CommitRequest> = message({
  reservationId: protoText,
  amountAtomicObserved: atomic,
  providerResponseFacts: optionalStruct,
  idempotencyKey: protoText,
  requestBodyHash: optionalBytes,
});

/** ASP §4. Both amounts are absent when exactly the reserved amount was observed. */
export interface CommitResponse {
  /** Reserved beyond what was observed. */
  readonly refundAmountAtomic?: bigint | undefined;
  /** Observed beyond what was reserved, charged under CHARGE_OVERAGE. */
  readonly chargeAmountAtomic?: bigint | undefined;
  readonly auditEventSignature?: Uint8Array | undefined;
}

export const commitResponse: Shape<CommitResponse> = message({
  refundAmountAtomic: optionalAtomic,
  chargeAmountAtomic: optionalAtomic,
  auditEventSignature: optionalBytes,
});

/** ASP §4. */
export interface ReleaseRequest {
  readonly reservationId: string;
  readonly idempotencyKey: string;
  /** `"provider_error"`, `"client_timeout"`, `"run_cancelled"` … */
  readonly reasonCodes?: readonly string[] | undefined;
}

export const releaseRequest: Shape<ReleaseRequest> = message({
  reservationId: protoText,
  idempotencyKey: protoText,
  reasonCodes: optionalTexts,
});

/** ASP §4. */
export interface ReleaseResponse {
  readonly auditEventSignature?: Uint8Array | undefined;
}

export const releaseResponse: Shape<ReleaseResponse> = message({ auditEventSignature: optionalBytes });

/** Reverses a commit; the draft names the verb and leaves the shape out (ASP §4 "Refund"). */
export interface RefundRequest {
  readonly reservationId: string;
  readonly amountAtomic: bigint;
  readonly reasonCodes?: readonly string[] | undefined;
  readonly idempotencyKey: string;
}

export const refundRequest: Shape<RefundRequest> = message({
  reservationId: protoText,
  amountAtomic: atomic,
  reasonCodes: optionalTexts,
  idempotencyKey: protoText,
});

/** The answer to a refund; the draft names the operation and gives no message for it, so this is our reading. */
export interface RefundResponse {
  readonly refundedAmountAtomic?: bigint | undefined;
  readonly originalCommitEventId?: string | undefined;
  readonly auditEventSignature?: Uint8Array | undefined;
}

export const refundResponse: Shape<RefundResponse> = message({
  refundedAmountAtomic: optionalAtomic,
  originalCommitEventId: optionalText,
  auditEventSignature: optionalBytes,
});
