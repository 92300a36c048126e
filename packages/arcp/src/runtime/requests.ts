import { ValidationError } from "@imprest/core";
import { parseWire } from "@imprest/core/internal";
import {
  type ArcpEnvelope,
  jobCancel,
  jobSubscribe,
  jobUnsubscribe,
  sessionClose,
  sessionPing,
} from "@imprest/core/models/arcp";
import { arcpFailure } from "./failure.ts";
import type { Job } from "./job.ts";
import { listJobs } from "./list-jobs.ts";
import type { RuntimeCore } from "./runtime-core.ts";
import type { RuntimeSession } from "./session.ts";
import type { SessionLine } from "./session-line.ts";
import { submit } from "./submit.ts";
import { subscribe } from "./subscribe.ts";

/** Answers one frame of an open session. @throws ProtocolError with the refusal of a request. */
export async function answerRequest(
  core: RuntimeCore,
  line: SessionLine,
  session: RuntimeSession,
  envelope: ArcpEnvelope,
): Promise<void> {
  session.activeAtMs = envelope.type === "session.ping" ? session.activeAtMs : core.settings.clock.monotonic();
  try {
    await route(core, line, session, envelope);
  } catch (error) {
    throw ValidationError.isInstance(error) ? arcpFailure("INVALID_REQUEST", error.message) : error;
  }
}

async function route(
  core: RuntimeCore,
  line: SessionLine,
  session: RuntimeSession,
  envelope: ArcpEnvelope,
): Promise<void> {
  const { dialect } = core.settings;
  switch (envelope.type) {
    case "session.ping":
      return pong(core, session, envelope);
    case "session.close":
      if (dialect.takesClose) return close(core, line, session, envelope, "session.closed");
      break;
    case "session.bye":
      if (dialect.takesBye) return close(core, line, session, envelope, undefined);
      break;
    case "session.hello":
      throw arcpFailure("INVALID_REQUEST", "The session is open already; a second session.hello is refused.");
    case "session.list_jobs":
      needs(session, "list_jobs", envelope);
      return listJobs(core, session, envelope);
    case "job.submit":
      return submit(core, session, envelope);
    case "job.cancel":
      return cancel(core, session, envelope);
    case "job.subscribe":
      needs(session, "subscribe", envelope);
      return subscribe(core, session, envelope, parseWire(jobSubscribe, envelope.payload, "job.subscribe"));
    case "job.unsubscribe":
      needs(session, "subscribe", envelope);
      core.jobs.get(parseWire(jobUnsubscribe, envelope.payload, "job.unsubscribe").job_id)?.unobserve(session);
      return;
    default:
      // A vendor's frame that says it can be done without.
      if (envelope.extensions?.["optional"] === true) return;
  }
  throw arcpFailure("INVALID_REQUEST", `Unknown message type "${envelope.type.slice(0, 100)}".`, {
    details: { type: envelope.type.slice(0, 100) },
  });
}

function needs(session: RuntimeSession, feature: string, { type }: ArcpEnvelope): void {
  if (!session.features.has(feature)) {
    throw arcpFailure("INVALID_REQUEST", `${type} requires the '${feature}' feature, which was not negotiated.`);
  }
}

function pong(core: RuntimeCore, session: RuntimeSession, envelope: ArcpEnvelope): void {
  const { nonce } = parseWire(sessionPing, envelope.payload, "session.ping");
  session.send("session.pong", { ping_nonce: nonce, received_at: new Date(core.settings.clock.now()).toISOString() });
}

/** Jobs go on, and the session can be resumed within its window (ARCP §6.7). */
function close(
  core: RuntimeCore,
  line: SessionLine,
  session: RuntimeSession,
  envelope: ArcpEnvelope,
  answer: "session.closed" | undefined,
): void {
  const { reason } = parseWire(sessionClose, envelope.payload, envelope.type);
  if (answer !== undefined) session.send(answer, reason === undefined ? {} : { reason });
  line.close("The client closed the session.");
  if (core.settings.dialect.closeForgetsSession) core.sessions.end(session);
}

/** Only the session that submitted a job may cancel it (ARCP §7.4, §7.6). */
function cancel(core: RuntimeCore, session: RuntimeSession, envelope: ArcpEnvelope): void {
  const { reason } = parseWire(jobCancel, envelope.payload, "job.cancel");
  const job = envelope.job_id === undefined ? undefined : core.jobs.get(envelope.job_id);
  const isHidden = core.settings.dialect.hidesForeignJobs && job !== undefined && !mayKnow(job, session);
  if (job === undefined || isHidden) throw arcpFailure("JOB_NOT_FOUND", "There is no such job.");
  if (!job.isTerminal && !job.submitters.has(session)) {
    if (!core.settings.dialect.answersForeignCancel) return;
    throw arcpFailure("PERMISSION_DENIED", "Only the session that submitted a job may cancel it.");
  }
  if (job.isTerminal) throw arcpFailure("INVALID_REQUEST", `The job has ended already: ${job.status}.`);
  session.send(
    "job.cancelled",
    { job_id: job.id, request_id: envelope.id, ...(reason === undefined ? {} : { reason }) },
    { id: job.id },
  );
  job.stop(arcpFailure("CANCELLED", reason ?? "client_cancel"), "cancelled", core.settings.cancelGraceMs);
}

/** A job is known to its principal, and to whoever observes it: to nobody else does it exist (ARCP §6.6). */
function mayKnow(job: Job, session: RuntimeSession): boolean {
  return job.principal === session.principal || session.observed.has(job);
}
