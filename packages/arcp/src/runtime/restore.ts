import { BudgetCounters } from "../lease/budget-counters.ts";
import { Capability } from "../lease/capability.ts";
import { budgetLimits, parseMoney } from "../lease/money.ts";
import { Job } from "./job.ts";
import type { JobMessage } from "./job-history.ts";
import { interrupted } from "./job-message.ts";
import type { JobStore } from "./job-store.ts";
import type { EndData, JobData, MessageData, SessionData } from "./journal.ts";
import { readingNamed } from "./readings/of-client.ts";
import type { RuntimeCore } from "./runtime-core.ts";
import { RuntimeSession } from "./session.ts";
import { expiryOf } from "./submit.ts";

/** A message of a job's log. */
interface StoredMessage {
  readonly jobId: string;
  readonly seq: number;
  readonly data: MessageData;
}

/** What a store holds, sorted. */
interface Stored {
  readonly sessions: Map<string, SessionData>;
  readonly jobs: Map<string, JobData>;
  readonly ends: Map<string, EndData>;
  /** Of all jobs, as they were numbered. */
  readonly messages: StoredMessage[];
}

/**
 * Takes up what an earlier process left: its sessions can be resumed, its finished jobs are listed and their ends replayed.
 * A job that was running has ended with its process, as `error` with the code RUNTIME_RESTARTED.
 * @throws what the store throws; SyntaxError for an entry that is no JSON.
 */
export async function restore(core: RuntimeCore, store: JobStore): Promise<void> {
  const stored = await readAll(store);
  for (const [id, data] of stored.sessions) {
    const session = new RuntimeSession(data.principal, core.settings, { id, gate: core.journal });
    session.features = new Set(data.features);
    session.tokenDigest = data.tokenDigest;
    session.reading = readingNamed(data.client);
    core.sessions.restore(session);
  }
  const jobs = new Map<string, Job>();
  for (const [id, data] of stored.jobs) {
    const job = createJob(core, id, data, jobs);
    jobs.set(id, job);
    if (data.key === undefined) core.jobs.add(job);
    else core.jobs.restore(job, data.key, data.digest ?? "");
  }
  for (const { jobId, seq, data } of stored.messages) {
    const { numbered, ...message } = data;
    jobs.get(jobId)?.replay(message satisfies JobMessage, seq, numbered);
  }
  // Those that were delegated end before those that delegated them.
  for (const [id, job] of [...jobs].toReversed()) {
    const end = stored.ends.get(id);
    if (end === undefined) job.end(interrupted);
    else job.replayEnd(end.outcome, end.endedAtMs, readCosts(end.costs));
  }
}

async function readAll(store: JobStore): Promise<Stored> {
  const stored: Stored = { sessions: new Map(), jobs: new Map(), ends: new Map(), messages: [] };
  for await (const { owner, kind, seq, data: text } of store.read()) {
    const data: unknown = JSON.parse(text);
    if (kind === "session") stored.sessions.set(owner, data as SessionData);
    else if (kind === "job") stored.jobs.set(owner, data as JobData);
    else if (kind === "end") stored.ends.set(owner, data as EndData);
    else stored.messages.push({ jobId: owner, seq, data: data as MessageData });
  }
  return stored;
}

function createJob(core: RuntimeCore, id: string, data: JobData, jobs: ReadonlyMap<string, Job>): Job {
  const { settings, sessions, journal } = core;
  const { agent, principal, lease, traceId, delegateId, createdAtMs } = data;
  const parent = data.parentId === undefined ? undefined : jobs.get(data.parentId);
  const budget = new BudgetCounters(budgetLimits(lease[Capability.costBudget] ?? []), parent?.terms.budget);
  const owner = sessions.find(data.sessionId) ?? endedSession(core, principal);
  const job = new Job(
    {
      id,
      agent,
      input: undefined,
      principal,
      lease,
      ...expiryOf(settings, data.expiresAt),
      budget,
      initialBudget: data.initialBudget === undefined ? undefined : budget.toWire(),
      traceId,
      parent,
      delegateId,
    },
    owner,
    settings,
    journal,
  );
  job.createdAtMs = createdAtMs;
  job.isAccepted = true;
  return job;
}

/** In place of a session whose window has passed. */
function endedSession({ settings }: RuntimeCore, principal: string): RuntimeSession {
  const session = new RuntimeSession(principal, settings);
  session.end();
  return session;
}

function readCosts(costs: EndData["costs"]): ReadonlyMap<string, bigint> {
  return new Map(Object.entries(costs).map(([currency, text]) => [currency, parseMoney(text, "up") ?? 0n]));
}
