import { boundedText, flag, number, text, wholeNumber } from "../../wire/leaves.ts";
import { type Shape, list, object, optional, union } from "../../wire/shape.ts";
import { type WireFailure, failureMembers } from "./failure.ts";
import {
  type LeaseConstraints,
  type WireBudget,
  type WireCredential,
  type WireLease,
  leaseConstraints,
  wireBudget,
  wireCredential,
  wireLease,
} from "./lease.ts";
import { value } from "./value.ts";

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
  readonly parent_job_id?: string | undefined;
  readonly delegate_id?: string | undefined;
  readonly trace_id?: string | undefined;
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
  readonly parent_job_id?: string | undefined;
  readonly trace_id?: string | undefined;
  readonly subscribed_from?: number | undefined;
  /** One runtime counts the replayed events here. */
  readonly replayed?: boolean | number | undefined;
  readonly request_id?: string | undefined;
}

/** `job.unsubscribe` (ARCP §7.6). */
export interface JobUnsubscribe {
  readonly job_id: string;
}

export const jobSubmit: Shape<JobSubmit> = object({
  agent: text,
  input: value,
  lease_request: optional(wireLease),
  lease_constraints: optional(leaseConstraints),
  idempotency_key: optional(boundedText(256, 1)),
  max_runtime_sec: optional(wholeNumber(1)),
});

export const jobAccepted: Shape<JobAccepted> = object({
  job_id: text,
  agent: optional(text),
  lease: wireLease,
  lease_constraints: optional(leaseConstraints),
  budget: optional(wireBudget),
  credentials: optional(list(wireCredential)),
  accepted_at: text,
  parent_job_id: optional(text),
  delegate_id: optional(text),
  trace_id: optional(text),
  request_id: optional(text),
});

export const jobCancel: Shape<JobCancel> = object({ reason: optional(text) });

export const jobCancelled: Shape<JobCancelled> = object({
  job_id: optional(text),
  reason: optional(text),
  request_id: optional(text),
});

export const jobResult: Shape<JobResult> = object({
  final_status: text,
  result: value,
  output: value,
  result_id: optional(text),
  result_size: optional(wholeNumber(0)),
  sha256: optional(text),
  summary: optional(text),
});

export const jobError: Shape<JobError> = object({ final_status: text, ...failureMembers });

export const jobSubscribe: Shape<JobSubscribe> = object({
  job_id: text,
  from_event_seq: optional(wholeNumber(0)),
  history: optional(flag),
});

export const jobSubscribed: Shape<JobSubscribed> = object({
  job_id: text,
  current_status: text,
  agent: text,
  lease: wireLease,
  lease_constraints: optional(leaseConstraints),
  budget: optional(wireBudget),
  credentials: optional(list(wireCredential)),
  parent_job_id: optional(text),
  trace_id: optional(text),
  subscribed_from: optional(wholeNumber(0)),
  replayed: optional(union([flag, number()], "must be true or false, or a number")),
  request_id: optional(text),
});

export const jobUnsubscribe: Shape<JobUnsubscribe> = object({ job_id: text });
