import type { WireLease } from "@imprest/core/models/arcp";
import { BudgetCounters } from "../lease/budget-counters.ts";
import { Capability } from "../lease/capability.ts";
import { subsetViolations } from "../lease/lease-subset.ts";
import { budgetLimits } from "../lease/money.ts";
import { parseExpiry } from "../lease/validate-lease.ts";
import { acceptedPayload } from "./accepted.ts";
import { readInput } from "./agent-input.ts";
import { arcpFailure, toWireFailure } from "./failure.ts";
import type { DelegatedJob, Delegation } from "./delegation.ts";
import { Job } from "./job.ts";
import type { JobListener } from "./job-listener.ts";
import type { JobOutcome } from "./job-message.ts";
import { authorize } from "./operations.ts";
import type { RuntimeCore } from "./runtime-core.ts";
import { expiryOf, provision, refuseCrowd, refuseLease } from "./submit.ts";

/** Starts a job under a part of `parent`'s authority (ARCP §9.4, §10). @throws ProtocolError with the refusal. */
export async function delegate(core: RuntimeCore, parent: Job, delegation: Delegation): Promise<DelegatedJob> {
  const { settings } = core;
  const delegateId = settings.identifiers.next("del");
  const childId = settings.identifiers.next("job");
  const { agent, input, lease, expiresAt } = delegation;
  await parent.emit("delegate", {
    delegate_id: delegateId,
    child_job_id: childId,
    agent,
    input,
    ...(lease === undefined ? {} : { lease_request: lease }),
    ...(expiresAt === undefined ? {} : { lease_constraints: { expires_at: expiresAt } }),
  });
  try {
    const child = await createChild(core, parent, delegation, { childId, delegateId });
    return handleOf(core, child);
  } catch (error) {
    await parent.emit("tool_result", { call_id: delegateId, error: toWireFailure(error) });
    throw error;
  }
}

async function createChild(
  core: RuntimeCore,
  parent: Job,
  delegation: Delegation,
  { childId, delegateId }: { readonly childId: string; readonly delegateId: string },
): Promise<Job> {
  const { settings } = core;
  if (parent.signal.aborted) throw parent.signal.reason;
  const lease = delegation.lease ?? {};
  const resolved = core.agents.resolve(delegation.agent);
  authorize(parent, settings, Capability.agentDelegate, resolved.reference);
  refuseLease(settings, lease, delegation.expiresAt);
  refuseWidening(parent, lease, delegation.expiresAt);
  refuseDepth(parent, settings.maxDelegationDepth);
  const input = await readInput(resolved.input, delegation.input);
  const [owner, ...others] = parent.submitters;
  const host = owner ?? parent.owner;
  refuseCrowd(settings, host);
  const budget = new BudgetCounters(budgetLimits(lease[Capability.costBudget] ?? []), parent.terms.budget);
  const child = new Job(
    {
      id: childId,
      agent: resolved.reference,
      input,
      principal: parent.principal,
      lease,
      // The earlier of both: a later one was refused as a wider lease (ARCP §9.4).
      ...expiryOf(settings, delegation.expiresAt ?? parent.terms.expiresAt),
      budget,
      initialBudget: budget.toWire(),
      traceId: parent.traceId,
      parent,
      delegateId,
      maxRuntimeMs: delegation.maxRuntimeMs,
    },
    host,
    settings,
    core.journal,
  );
  await provision(core, child, host);
  await core.journal?.job(child, host.id);
  if (parent.isTerminal) throw parent.signal.reason;
  core.jobs.add(child);
  announce(child, [host, ...others]);
  for (const listener of others) child.join(listener);
  core.run(child, resolved.run);
  return child;
}

/** Unasked for, so it is sent to a client that was away when it comes back. */
function announce(child: Job, listeners: readonly JobListener[]): void {
  for (const listener of listeners) {
    if (listener.ended || !listener.reading.knowsDelegates) continue;
    listener.sendKept("job.accepted", acceptedPayload(child, listener), child);
  }
}

/** @throws ProtocolError LEASE_SUBSET_VIOLATION. */
function refuseWidening(parent: Job, lease: WireLease, expiresAt: string | undefined): void {
  const violations = subsetViolations(
    { lease, expiresAtMs: expiresAt === undefined ? undefined : parseExpiry(expiresAt) },
    {
      lease: parent.terms.lease,
      budget: parent.terms.budget,
      expiresAtMs: parent.terms.expiresAt === undefined ? undefined : parseExpiry(parent.terms.expiresAt),
    },
  );
  if (violations.length === 0) return;
  throw arcpFailure("LEASE_SUBSET_VIOLATION", `The delegated lease is wider: ${violations.slice(0, 5).join("; ")}.`, {
    details: { child: lease, parent: parent.terms.lease },
  });
}

/** @throws ProtocolError INVALID_REQUEST. */
function refuseDepth(parent: Job, most: number): void {
  let depth = 1;
  for (let above = parent.terms.parent; above !== undefined; above = above.terms.parent) depth++;
  if (depth > most) throw arcpFailure("INVALID_REQUEST", `Delegation is ${most} jobs deep at most.`);
}

function handleOf(core: RuntimeCore, child: Job): DelegatedJob {
  return {
    id: child.id,
    agent: child.terms.agent,
    result: async () => valueOf(await child.ended),
    cancel(reason = "The delegating agent cancelled it.") {
      child.stop(arcpFailure("CANCELLED", reason), "cancelled", core.settings.cancelGraceMs);
    },
  };
}

function valueOf({ type, payload }: JobOutcome): unknown {
  if (type === "job.result") return payload["result"];
  const { code, message, details } = toFailure(payload);
  throw arcpFailure(code, message, { details });
}

function toFailure(payload: Readonly<Record<string, unknown>>): {
  readonly code: string;
  readonly message: string;
  readonly details: Readonly<Record<string, unknown>> | undefined;
} {
  const { code, message, details } = payload;
  return {
    code: String(code),
    message: String(message),
    details:
      typeof details === "object" && details !== null ? (details as Readonly<Record<string, unknown>>) : undefined,
  };
}
