import { type CallOptions, ValidationError, type ValidationIssue } from "@imprest/core";
import type { JobSubmit, WireLease } from "@imprest/core/models/arcp";
import { parseAgentReference } from "../lease/agent-reference.ts";
import { leaseIssues } from "../lease/validate-lease.ts";

/** A job to run (ARCP §7.1). */
export interface SubmitRequest extends CallOptions {
  /** `name` or `name@version`; a bare name takes the runtime's default version (ARCP §7.5). */
  readonly agent: string;
  readonly input?: unknown;
  /** What the job may do, by capability; see `buildLease`. */
  readonly lease?: WireLease | undefined;
  /** When the lease ends: a `Date`, or ISO 8601 in UTC with `Z` (ARCP §9.5). */
  readonly expiresAt?: string | Date | undefined;
  /** Makes the submit safe to repeat; a fresh one is made without it, none with `false` (ARCP §7.2). */
  readonly idempotencyKey?: string | false | undefined;
  /** Whole seconds after which the runtime ends the job. */
  readonly maxRuntimeSec?: number | undefined;
  /**
   * What to do when the runtime has lost the job: submit it again under its key, which may run it a second time, or
   * fail with JobLostError. By default: `"resubmit"` when the caller gave an `idempotencyKey`, else `"fail"`.
   */
  readonly onLost?: "resubmit" | "fail" | undefined;
}

/** The capabilities that are features as well (ARCP §6.2). */
const negotiatedCapabilities = new Set(["cost.budget", "model.use"]);

/**
 * The payload of `job.submit`.
 * @throws ValidationError for what a runtime would refuse, and for features that were not negotiated.
 */
export function writeSubmit(
  request: SubmitRequest,
  context: { readonly key: string | undefined; readonly nowMs: number; readonly features: ReadonlySet<string> },
): JobSubmit {
  const { agent, input, lease, maxRuntimeSec } = request;
  const expires = request.expiresAt instanceof Date ? toText(request.expiresAt) : request.expiresAt;
  const submit: JobSubmit = {
    agent,
    // One runtime takes no submit without an input, not even for an agent that has none.
    input: input ?? null,
    ...(lease !== undefined && { lease_request: lease }),
    ...(expires !== undefined && { lease_constraints: { expires_at: expires } }),
    ...(context.key !== undefined && { idempotency_key: context.key }),
    ...(maxRuntimeSec !== undefined && { max_runtime_sec: maxRuntimeSec }),
  };
  const issues = submitIssues(submit, context.nowMs, context.features);
  if (issues.length > 0) throw new ValidationError("job.submit", issues);
  return submit;
}

function submitIssues(submit: JobSubmit, nowMs: number, features: ReadonlySet<string>): ValidationIssue[] {
  const issues: ValidationIssue[] = [];
  const require = (feature: string, pointer: string): void => {
    if (!features.has(feature))
      issues.push({ pointer, message: `needs the feature ${feature}, which was not negotiated` });
  };
  const reference = parseAgentReference(submit.agent);
  if (reference === undefined)
    issues.push({ pointer: "/agent", message: 'is no agent such as "name" or "name@1.0.0"' });
  if (reference?.version !== undefined) require("agent_versions", "/agent");
  for (const capability of Object.keys(submit.lease_request ?? {})) {
    if (negotiatedCapabilities.has(capability)) require(capability, `/lease_request/${capability}`);
  }
  if (submit.lease_constraints !== undefined) require("lease_expires_at", "/lease_constraints/expires_at");
  issues.push(...leaseIssues(submit.lease_request ?? {}, submit.lease_constraints, nowMs));
  const key = submit.idempotency_key;
  if (key !== undefined && (key === "" || key.length > 256)) {
    issues.push({ pointer: "/idempotency_key", message: "must have 1 to 256 characters" });
  }
  const seconds = submit.max_runtime_sec;
  if (seconds !== undefined && (!Number.isSafeInteger(seconds) || seconds < 1)) {
    issues.push({ pointer: "/max_runtime_sec", message: "must be a whole number of seconds, at least 1" });
  }
  return issues;
}

function toText(date: Date): string {
  return Number.isNaN(date.getTime()) ? "not a time" : date.toISOString();
}
