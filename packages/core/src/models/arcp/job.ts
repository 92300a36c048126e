import * as z from "zod/mini";
import type { WireSchema } from "../../wire/schema.ts";
import type { WireFailure } from "./failure.ts";
import {
  type LeaseConstraints,
  type WireBudget,
  type WireCredential,
  type WireLease,
  budgetSchema,
  credentialSchema,
  leaseConstraintsSchema,
  leaseSchema,
} from "./lease.ts";

/** `job.submit` (ARCP §7.1). */
export interface JobSubmit {
  /** `name` or `name@version` (ARCP §7.5). */
  readonly agent: string;
  readonly input?: unknown;
  readonly lease_request?: WireLease | undefined;
  readonly lease_constraints?: LeaseConstraints | undefined;
  readonly idempotency_key?: string | undefined;
  readonly max_runtime_sec?: number | undefined;
}

/** `job.accepted` (ARCP §7.1). Also sent, unasked, for a delegated child: then with `parent_job_id`. */
export interface JobAccepted {
  readonly job_id: string;
  readonly agent?: string | undefined;
  readonly lease: WireLease;
  readonly lease_constraints?: LeaseConstraints | undefined;
  readonly budget?: WireBudget | undefined;
  /** For the submitter only (ARCP §9.8). */
  readonly credentials?: readonly WireCredential[] | undefined;
  readonly accepted_at: string;
  readonly parent_job_id?: string | null | undefined;
  readonly delegate_id?: string | null | undefined;
  readonly trace_id?: string | null | undefined;
  /** The `id` of the `job.submit`, where the runtime says so. */
  readonly request_id?: string | undefined;
}

/** `job.cancel` (ARCP §7.4); the job is named on the envelope. */
export interface JobCancel {
  readonly reason?: string | undefined;
}

/** `job.cancelled` (ARCP §7.4): the acknowledgement; the `job.error` that ends the job follows. */
export interface JobCancelled {
  readonly job_id?: string | undefined;
  readonly reason?: string | undefined;
  readonly request_id?: string | undefined;
}

/** `job.result` (ARCP §8.4): inline, or by `result_id` after chunks; never both. */
export interface JobResult {
  readonly final_status: string;
  readonly result?: unknown;
  /** What one runtime calls `result`. */
  readonly output?: unknown;
  readonly result_id?: string | undefined;
  /** Decoded bytes of the assembled chunks. */
  readonly result_size?: number | undefined;
  /** Lower-case hex over the assembled bytes, where the runtime gives it. */
  readonly sha256?: string | undefined;
  readonly summary?: string | undefined;
}

/** `job.error` (ARCP §7.3, §12). */
export interface JobError extends WireFailure {
  readonly final_status: string;
}

/** `job.subscribe` (ARCP §7.6). */
export interface JobSubscribe {
  readonly job_id: string;
  readonly from_event_seq?: number | undefined;
  readonly history?: boolean | undefined;
}

/** `job.subscribed` (ARCP §7.6): what the observing principal may know; credentials for the submitter only. */
export interface JobSubscribed {
  readonly job_id: string;
  readonly current_status: string;
  readonly agent: string;
  readonly lease: WireLease;
  readonly lease_constraints?: LeaseConstraints | undefined;
  /** The counters now, when a budget is leased. */
  readonly budget?: WireBudget | undefined;
  readonly credentials?: readonly WireCredential[] | undefined;
  readonly parent_job_id?: string | null | undefined;
  readonly trace_id?: string | null | undefined;
  readonly subscribed_from?: number | undefined;
  /** One runtime counts the replayed events here. */
  readonly replayed?: boolean | number | undefined;
  readonly request_id?: string | undefined;
}

/** `job.unsubscribe` (ARCP §7.6). */
export interface JobUnsubscribe {
  readonly job_id: string;
}

const text = z.optional(z.string());
const nullableText = z.nullish(z.string());

export const jobSubmitSchema: WireSchema<JobSubmit> = z.looseObject({
  agent: z.string(),
  input: z.optional(z.unknown()),
  lease_request: z.optional(leaseSchema),
  lease_constraints: z.optional(leaseConstraintsSchema),
  idempotency_key: z.optional(z.string().check(z.minLength(1), z.maxLength(256))),
  max_runtime_sec: z.optional(z.int().check(z.positive())),
});

export const jobAcceptedSchema: WireSchema<JobAccepted> = z.looseObject({
  job_id: z.string(),
  agent: text,
  lease: leaseSchema,
  lease_constraints: z.optional(leaseConstraintsSchema),
  budget: z.optional(budgetSchema),
  credentials: z.optional(z.array(credentialSchema)),
  accepted_at: z.string(),
  parent_job_id: nullableText,
  delegate_id: nullableText,
  trace_id: nullableText,
  request_id: text,
});

export const jobCancelSchema: WireSchema<JobCancel> = z.looseObject({ reason: text });

export const jobCancelledSchema: WireSchema<JobCancelled> = z.looseObject({
  job_id: text,
  reason: text,
  request_id: text,
});

export const jobResultSchema: WireSchema<JobResult> = z.looseObject({
  final_status: z.string(),
  result: z.optional(z.unknown()),
  output: z.optional(z.unknown()),
  result_id: text,
  result_size: z.optional(z.int().check(z.nonnegative())),
  sha256: text,
  summary: text,
});

export const jobErrorSchema: WireSchema<JobError> = z.looseObject({
  final_status: z.string(),
  code: z.string(),
  message: z.string(),
  retryable: z.optional(z.boolean()),
  details: z.optional(z.record(z.string(), z.unknown())),
  request_id: text,
  job_id: text,
});

export const jobSubscribeSchema: WireSchema<JobSubscribe> = z.looseObject({
  job_id: z.string(),
  from_event_seq: z.optional(z.int().check(z.nonnegative())),
  history: z.optional(z.boolean()),
});

export const jobSubscribedSchema: WireSchema<JobSubscribed> = z.looseObject({
  job_id: z.string(),
  current_status: z.string(),
  agent: z.string(),
  lease: leaseSchema,
  lease_constraints: z.optional(leaseConstraintsSchema),
  budget: z.optional(budgetSchema),
  credentials: z.optional(z.array(credentialSchema)),
  parent_job_id: nullableText,
  trace_id: nullableText,
  subscribed_from: z.optional(z.number()),
  replayed: z.optional(z.union([z.boolean(), z.number()])),
  request_id: text,
});

export const jobUnsubscribeSchema: WireSchema<JobUnsubscribe> = z.looseObject({ job_id: z.string() });
