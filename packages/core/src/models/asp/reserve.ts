import { type ProtoStruct, enumeration, message, protoText } from "../../wire/proto.ts";
import { type Shape, optional } from "../../wire/shape.ts";
import {
  atomic,
  optionalBytes,
  optionalList,
  optionalStruct,
  optionalText,
  optionalTexts,
  timestamp,
} from "./fields.ts";
import { aspDecisions, aspDirections } from "./names.ts";

/** What is asserted against a budget (ASP §4). */
export interface BudgetClaim {
  /** Opaque, scoped to the issuer. */
  readonly budgetId: string;
  /** The billing window that the claim hits. */
  readonly windowInstanceId?: string | undefined;
  /** `"output_token"`, `"usd_atomic"`, `"request"` … */
  readonly unit: string;
  readonly amountAtomic: bigint;
  /** `"DEBIT"` or `"CREDIT"`; open. */
  readonly direction?: string | undefined;
}

export const budgetClaim: Shape<BudgetClaim> = message({
  budgetId: protoText,
  windowInstanceId: optionalText,
  unit: protoText,
  amountAtomic: atomic,
  direction: optional(enumeration(aspDirections)),
});

/** A limit that the caller must honour (ASP §2 "Cap-honoring contract"). */
export interface AllowCap {
  readonly type: string;
  readonly params?: ProtoStruct | undefined;
}

export const allowCap: Shape<AllowCap> = message({ type: protoText, params: optionalStruct });

/** ASP §4. */
export interface ReserveRequest {
  readonly claim: BudgetClaim;
  readonly identity?: ProtoStruct | undefined;
  readonly runtimeMetadata?: ProtoStruct | undefined;
  readonly idempotencyKey: string;
}

export const reserveRequest: Shape<ReserveRequest> = message({
  claim: budgetClaim,
  identity: optionalStruct,
  runtimeMetadata: optionalStruct,
  idempotencyKey: protoText,
});

/** ASP §4. */
export interface ReserveResponse {
  /** Absent, unspecified and unknown all mean DENY. */
  readonly decision?: string | undefined;
  readonly reservationId?: string | undefined;
  readonly ttlExpiresAt?: string | undefined;
  readonly reasonCodes?: readonly string[] | undefined;
  readonly matchedRuleIds?: readonly string[] | undefined;
  readonly caps?: readonly AllowCap[] | undefined;
  /** Of the audit.reserve event that the authority has emitted. */
  readonly auditEventSignature?: Uint8Array | undefined;
}

export const reserveResponse: Shape<ReserveResponse> = message({
  decision: optional(enumeration(aspDecisions)),
  reservationId: optionalText,
  ttlExpiresAt: optional(timestamp),
  reasonCodes: optionalTexts,
  matchedRuleIds: optionalTexts,
  caps: optionalList(allowCap),
  auditEventSignature: optionalBytes,
});
