import type { OutgoingPayload } from "./dialects/dialect.ts";
import type { Job } from "./job.ts";
import type { JobListener } from "./job-listener.ts";

/** `job.accepted` for one listener (ARCP §7.1): the same for every submit of the same key (§7.2). */
export function acceptedPayload(job: Job, listener: JobListener, requestId?: string): OutgoingPayload {
  const { terms } = job;
  return {
    job_id: job.id,
    ...(requestId === undefined ? {} : { request_id: requestId }),
    agent: terms.agent,
    lease: terms.lease,
    ...constraintsOf(job),
    ...(terms.initialBudget === undefined ? {} : { budget: terms.initialBudget }),
    ...credentialsFor(job, listener),
    accepted_at: new Date(job.createdAtMs).toISOString(),
    ...(terms.parent === undefined ? {} : { parent_job_id: terms.parent.id, delegate_id: terms.delegateId }),
    trace_id: job.traceId,
  };
}

/** `job.subscribed` for one listener (ARCP §7.6): the counters as they are now, credentials for the submitter only. */
export function subscribedPayload(
  job: Job,
  listener: JobListener,
  extra: { readonly request_id: string; readonly replayed: boolean | number; readonly subscribed_from: number },
): OutgoingPayload {
  const { terms } = job;
  const budget = terms.initialBudget === undefined ? undefined : terms.budget.toWire();
  return {
    job_id: job.id,
    current_status: job.status,
    agent: terms.agent,
    lease: terms.lease,
    ...constraintsOf(job),
    ...(budget === undefined ? {} : { budget }),
    ...(listener.principal === job.principal ? credentialsFor(job, listener) : {}),
    parent_job_id: terms.parent?.id ?? null,
    trace_id: job.traceId,
    ...extra,
  };
}

function constraintsOf(job: Job): OutgoingPayload {
  const { expiresAt } = job.terms;
  return expiresAt === undefined ? {} : { lease_constraints: { expires_at: expiresAt } };
}

/** Only where they were negotiated, and over a transport that nobody can read along (ARCP §9.8.2). */
function credentialsFor(job: Job, listener: JobListener): OutgoingPayload {
  if (job.credentials.length === 0 || !listener.mayHoldCredentials) return {};
  listener.holdsSecrets = true;
  return { credentials: job.credentials.map((credential) => ({ ...credential, value: credential.value.reveal() })) };
}
