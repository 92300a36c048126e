import { base64url, parseBase64url, parseWire, utf8 } from "@imprest/core/internal";
import { type ArcpEnvelope, type JobFilter, sessionListJobs } from "@imprest/core/models/arcp";
import type { OutgoingPayload } from "./dialects/dialect.ts";
import { arcpFailure } from "./failure.ts";
import type { Job } from "./job.ts";
import type { RuntimeCore } from "./runtime-core.ts";
import type { RuntimeSession } from "./session.ts";
import { isPermitted } from "./subscribe.ts";

const usualLimit = 100;
const highestLimit = 1000;

/** `session.list_jobs` (ARCP §6.6): in the order of their creation, what the principal may see. */
export async function listJobs(core: RuntimeCore, session: RuntimeSession, envelope: ArcpEnvelope): Promise<void> {
  const { filter, limit, cursor } = parseWire(sessionListJobs, envelope.payload, "session.list_jobs");
  const most = Math.min(limit ?? usualLimit, highestLimit);
  const matches = matcher(filter ?? {}, core.settings.dialect.bareAgentFilter);
  const after = cursor === undefined || cursor === null ? undefined : readCursor(cursor);
  const found: Job[] = [];
  let hasMore = false;
  for (const job of core.jobs.all()) {
    if ((after !== undefined && !isAfter(job, after)) || !matches(job)) continue;
    if (!(await isPermitted(core, session, job))) continue;
    hasMore = found.length === most;
    if (hasMore) break;
    found.push(job);
  }
  const last = found.at(-1);
  session.send("session.jobs", {
    request_id: envelope.id,
    jobs: found.map(entryOf),
    next_cursor: hasMore && last !== undefined ? writeCursor(last) : null,
  });
}

/** No credentials: they are nobody's to look up (ARCP §14). */
function entryOf(job: Job): OutgoingPayload {
  return {
    job_id: job.id,
    agent: job.terms.agent,
    status: job.status,
    lease: job.terms.lease,
    parent_job_id: job.terms.parent?.id ?? null,
    created_at: new Date(job.createdAtMs).toISOString(),
    trace_id: job.traceId,
    last_event_seq: job.lastSeq,
  };
}

function matcher(filter: JobFilter, bareAgents: boolean): (job: Job) => boolean {
  const after = timeOf(filter.created_after, "created_after");
  const before = timeOf(filter.created_before, "created_before");
  return ({ status, createdAtMs, terms: { agent } }) =>
    (filter.status === undefined || filter.status.includes(status)) &&
    (filter.agent === undefined || agent === filter.agent || (bareAgents && agent.startsWith(`${filter.agent}@`))) &&
    (after === undefined || createdAtMs > after) &&
    (before === undefined || createdAtMs < before);
}

function timeOf(text: string | undefined, name: string): number | undefined {
  if (text === undefined) return undefined;
  const epochMs = Date.parse(text);
  if (Number.isNaN(epochMs)) throw arcpFailure("INVALID_REQUEST", `${name} is no ISO 8601 time.`);
  return epochMs;
}

/** Job ids sort by creation, so the last one of a page says where the next begins. */
function writeCursor(job: Job): string {
  return base64url(utf8(job.id));
}

function readCursor(cursor: string): string {
  const bytes = parseBase64url(cursor);
  const id = bytes === undefined ? "" : new TextDecoder().decode(bytes);
  if (!/^job_[0-9A-Z]{26}$/.test(id)) throw arcpFailure("INVALID_REQUEST", "The cursor is not one of this runtime's.");
  return id;
}

function isAfter(job: Job, id: string): boolean {
  return job.id > id;
}
