import { createTraceContext, deriveIdempotencyKey } from "@imprest/core";
import { parseWire, stringifyJson } from "@imprest/core/internal";
import { type ArcpEnvelope, type JobSubmit, jobSubmit, type WireLease } from "@imprest/core/models/arcp";
import { BudgetCounters } from "../lease/budget-counters.ts";
import { Capability } from "../lease/capability.ts";
import { budgetLimits } from "../lease/money.ts";
import { leaseIssues, parseExpiry } from "../lease/validate-lease.ts";
import { acceptedPayload } from "./accepted.ts";
import { readInput } from "./agent-input.ts";
import type { ResolvedAgent } from "./agents.ts";
import { arcpFailure } from "./failure.ts";
import { Job } from "./job.ts";
import { backJob } from "./job-settlement.ts";
import type { JobListener } from "./job-listener.ts";
import type { RuntimeSettings } from "./options.ts";
import type { RuntimeCore } from "./runtime-core.ts";
import type { RuntimeSession } from "./session.ts";

/** `job.submit` (ARCP §7.1, §7.2). @throws ProtocolError or ValidationError with the reason of a refusal. */
export async function submit(core: RuntimeCore, session: RuntimeSession, envelope: ArcpEnvelope): Promise<void> {
  const request = parseWire(jobSubmit, envelope.payload, "job.submit");
  const { idempotency_key: idempotencyKey } = request;
  const key = idempotencyKey === undefined ? undefined : `${session.principal}\n${idempotencyKey}`;
  // A new key's job does not wait for the digest, which takes a turn of the host's thread pool, but to write it down.
  const digest = key === undefined ? Promise.resolve("") : digestOf(request);
  let agent: ResolvedAgent | undefined;
  const create = async (): Promise<Job> => {
    refuseUnnegotiated(core.settings, session, request);
    if (core.journal?.failed === true) throw arcpFailure("INTERNAL_ERROR", "The runtime cannot write jobs down.");
    agent = core.agents.resolve(request.agent);
    const job = await createJob(core, session, request, agent, envelope.trace_id);
    await core.journal?.job(job, session.id, key === undefined ? {} : { key, digest: await digest });
    return job;
  };
  if (key === undefined) {
    const job = await create();
    core.jobs.add(job);
    accept(core, job, session, envelope.id, agent);
    return;
  }
  const keyed = core.jobs.keyed(key, digest, create);
  const job = await keyed.job;
  if (await keyed.isConflict) {
    throw arcpFailure("DUPLICATE_KEY", "The idempotency_key was used with other parameters; use a new key.", {
      details: { existing_job_id: job.id },
    });
  }
  if (keyed.isNew) core.jobs.add(job, key);
  accept(core, job, session, envelope.id, keyed.isNew ? agent : undefined);
}

/** Answers a submit, and starts the agent of a new job; a job that was there before is joined. */
function accept(
  core: RuntimeCore,
  job: Job,
  session: RuntimeSession,
  requestId: string,
  agent: ResolvedAgent | undefined,
): void {
  session.send("job.accepted", acceptedPayload(job, session, requestId), job);
  if (agent !== undefined) core.run(job, agent.run);
  else if (!job.isTerminal || core.settings.dialect.replaysTerminal) job.join(session);
}

async function createJob(
  core: RuntimeCore,
  session: RuntimeSession,
  request: JobSubmit,
  agent: ResolvedAgent,
  traceId: string | undefined,
): Promise<Job> {
  const { settings } = core;
  const lease = request.lease_request ?? {};
  refuseLease(settings, lease, request.lease_constraints?.expires_at);
  const input = await readInput(agent.input, request.input);
  refuseCrowd(settings, session);
  const limits = budgetLimits(lease[Capability.costBudget] ?? []);
  const budget = new BudgetCounters(limits);
  const job = new Job(
    {
      id: settings.identifiers.next("job"),
      agent: agent.reference,
      input,
      principal: session.principal,
      lease,
      ...expiryOf(settings, request.lease_constraints?.expires_at),
      budget,
      initialBudget: budget.toWire(),
      traceId: traceId ?? createTraceContext(settings.options.random).traceId,
      maxRuntimeMs: request.max_runtime_sec === undefined ? undefined : request.max_runtime_sec * 1000,
    },
    session,
    settings,
    core.journal,
  );
  try {
    await backJob(job, settings);
  } catch (error) {
    job.vanish();
    throw error;
  }
  await provision(core, job, session);
  return job;
}

/** Credentials come no later than the acceptance (ARCP §9.8.2). A job that cannot have them is no job. */
export async function provision(core: RuntimeCore, job: Job, owner: JobListener): Promise<void> {
  // A delegated job may start while the client is away; what its parent was given says that it may have some as well.
  const inherits = (job.terms.parent?.credentials.length ?? 0) > 0;
  if (core.credentials === undefined || !(owner.mayHoldCredentials || inherits)) return;
  try {
    await core.credentials.issue(job);
  } catch (error) {
    job.vanish();
    throw error;
  }
}

/** `expires_at` as it came and on the monotonic clock. */
export function expiryOf(
  { clock }: RuntimeSettings,
  expiresAt: string | undefined,
): { readonly expiresAt?: string; readonly expiresAtMonotonicMs?: number } {
  const epochMs = expiresAt === undefined ? undefined : parseExpiry(expiresAt);
  if (expiresAt === undefined || epochMs === undefined) return {};
  return { expiresAt, expiresAtMonotonicMs: clock.monotonic() + (epochMs - clock.now()) };
}

/** @throws ProtocolError INVALID_REQUEST. */
export function refuseLease({ clock }: RuntimeSettings, lease: WireLease, expiresAt: string | undefined): void {
  const issues = leaseIssues(lease, { expires_at: expiresAt }, clock.now());
  if (issues.length === 0) return;
  const listed = issues.slice(0, 5).map(({ pointer, message }) => `${pointer} ${message}`);
  throw arcpFailure("INVALID_REQUEST", listed.join("; "));
}

/** @throws ProtocolError INTERNAL_ERROR, which may be retried, when the session has as many jobs as it may. */
export function refuseCrowd({ maxJobsPerSession }: RuntimeSettings, owner: JobListener): void {
  if (owner.submitted.size < maxJobsPerSession) return;
  throw arcpFailure("INTERNAL_ERROR", `The session has ${maxJobsPerSession} unfinished jobs; wait for one to end.`);
}

/** Neither side uses a feature outside the negotiated set (ARCP §6.2). */
function refuseUnnegotiated(settings: RuntimeSettings, session: RuntimeSession, request: JobSubmit): void {
  if (!settings.dialect.gatesLeaseFeatures) return;
  const used: Readonly<Record<string, boolean>> = {
    lease_expires_at: request.lease_constraints?.expires_at !== undefined,
    "cost.budget": Object.hasOwn(request.lease_request ?? {}, Capability.costBudget),
    "model.use": Object.hasOwn(request.lease_request ?? {}, Capability.modelUse),
    agent_versions: request.agent.includes("@"),
  };
  for (const [feature, isUsed] of Object.entries(used)) {
    if (isUsed && !session.features.has(feature)) {
      throw arcpFailure("INVALID_REQUEST", `The submit uses the feature ${feature}, which was not negotiated.`);
    }
  }
}

/** What a repeated submit must have the same (ARCP §7.2), as one text, or as its digest when that is long. */
async function digestOf(request: JobSubmit): Promise<string> {
  const { agent, input, lease_request, lease_constraints, max_runtime_sec } = request;
  const parts = {
    agent,
    input: input ?? null,
    lease_request,
    expires_at: lease_constraints?.expires_at,
    max_runtime_sec,
  };
  const text = stringifyJson(ordered(parts));
  // Hashing takes a turn of the host's thread pool; a short text is its own digest.
  return text.length <= 1024 ? text : deriveIdempotencyKey("arcp.submit", text);
}

/** The same JSON with the members of every object in one order. */
function ordered(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(ordered);
  if (typeof value !== "object" || value === null) return value;
  const members = Object.entries(value).toSorted(([left], [right]) => (left < right ? -1 : 1));
  return Object.fromEntries(members.map(([name, member]) => [name, ordered(member)]));
}
