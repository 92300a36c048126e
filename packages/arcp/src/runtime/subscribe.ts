import { sleep } from "@imprest/core/internal";
import type { ArcpEnvelope, JobSubscribe } from "@imprest/core/models/arcp";
import { subscribedPayload } from "./accepted.ts";
import { arcpFailure, messageOf } from "./failure.ts";
import type { Job } from "./job.ts";
import type { SubscriptionAudit } from "./options.ts";
import type { RuntimeCore } from "./runtime-core.ts";
import type { RuntimeSession } from "./session.ts";

/** `job.subscribe` (ARCP §7.6): observes, and nothing else. @throws ProtocolError JOB_NOT_FOUND, PERMISSION_DENIED. */
export async function subscribe(
  core: RuntimeCore,
  session: RuntimeSession,
  envelope: ArcpEnvelope,
  request: JobSubscribe,
): Promise<void> {
  const job = core.jobs.get(request.job_id);
  const allowed = job !== undefined && (await isPermitted(core, session, job));
  audit(
    core,
    { principal: session.principal, jobId: request.job_id, owner: job?.principal, agent: job?.terms.agent },
    allowed,
  );
  if (job === undefined) throw arcpFailure("JOB_NOT_FOUND", "There is no such job.");
  if (!allowed) throw arcpFailure("PERMISSION_DENIED", "The principal may not observe this job.");
  const { history: wantsHistory = false, from_event_seq: asked = 0 } = request;
  const history = wantsHistory ? job.history.since(asked) : [];
  // The number behind which the stream begins: later than asked where the history is cut.
  const begin = wantsHistory ? Math.max(asked, job.history.cut) : job.lastSeq;
  const { dialect, dialectName } = core.settings;
  const replayed = dialectName === "py" ? history.length : history.length > 0;
  const answer = (): void => {
    const from = dialect.subscribedFromSubmitter ? begin : history.length > 0 ? session.lastSeq : 0;
    const extra = { request_id: envelope.id, replayed, subscribed_from: from };
    session.send("job.subscribed", subscribedPayload(job, session, extra), { id: job.id });
  };
  if (dialect.subscribedFirst) answer();
  const waitMs = session.reading.hearsSubscriptionAfterMs;
  if (waitMs > 0) await sleep(core.settings.clock, waitMs);
  // What came meanwhile is history. Nothing is awaited from here on, so that no live event comes between it and the rest.
  const due = waitMs > 0 ? job.history.since(begin) : history;
  for (const { message } of due) session.deliver(message, job);
  if (!dialect.subscribedFirst) answer();
  job.observe(session);
}

/** One's own jobs always; another's only by the deployment's policy (ARCP §14). A policy that fails says no. */
export async function isPermitted(core: RuntimeCore, session: RuntimeSession, job: Job): Promise<boolean> {
  if (session.principal === job.principal) return true;
  const { options, logger } = core.settings;
  if (options.mayObserve === undefined) return false;
  try {
    const { id: jobId, principal: owner } = job;
    return await options.mayObserve({ principal: session.principal, jobId, owner, agent: job.terms.agent });
  } catch (error) {
    logger.error("the observation policy failed", { jobId: job.id, error: messageOf(error) });
    return false;
  }
}

/** Each decision is logged with both principals (ARCP §14). */
function audit(core: RuntimeCore, asked: Omit<SubscriptionAudit, "allowed" | "atMs">, allowed: boolean): void {
  const { options, clock, logger } = core.settings;
  const entry = { ...asked, jobId: asked.jobId.slice(0, 256), allowed, atMs: clock.now() };
  logger.info("job.subscribe", entry);
  options.audit?.(entry);
}
