import { aspDecisions, aspDirections } from "./names.ts";
import {
  type ProtoCodec,
  type ProtoStruct,
  atomic,
  bytes,
  enumeration,
  list,
  message,
  struct,
  text,
  timestamp,
} from "./proto-json.ts";

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

export const budgetClaim: ProtoCodec<BudgetClaim> = message<BudgetClaim>(
  {
    budgetId: text,
    windowInstanceId: text,
    unit: text,
    amountAtomic: atomic,
    direction: enumeration(aspDirections),
  },
  ["budgetId", "unit", "amountAtomic"],
);

/** A limit that the caller must honour (ASP §2 "Cap-honoring contract"). */
export interface AllowCap {
  readonly type: string;
  readonly params?: ProtoStruct | undefined;
}

export const allowCap: ProtoCodec<AllowCap> = message<AllowCap>({ type: text, params: struct }, ["type"]);

/** ASP §4. */
export interface ReserveRequest {
  readonly claim: BudgetClaim;
  readonly identity?: ProtoStruct | undefined;
  readonly runtimeMetadata?: ProtoStruct | undefined;
  readonly idempotencyKey: string;
}

export const reserveRequest: ProtoCodec<ReserveRequest> = message<ReserveRequest>(
  { claim: budgetClaim, identity: struct, runtimeMetadata: struct, idempotencyKey: text },
  ["claim", "idempotencyKey"],
);

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

export const reserveResponse: ProtoCodec<ReserveResponse> = message<ReserveResponse>(
  {
    decision: enumeration(aspDecisions),
    reservationId: text,
    ttlExpiresAt: timestamp,
    reasonCodes: list(text),
    matchedRuleIds: list(text),
    caps: list(allowCap),
    auditEventSignature: bytes,
  },
  [],
);
