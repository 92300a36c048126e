import type { Dialect, OutgoingPayload } from "./dialect.ts";
import { withBodies } from "./shape.ts";

/**
 * ARCP 1.1 as it is written, and version 1.0 where 1.1 is silent; with the members beside it that the clients of other
 * libraries cannot do without.
 */
export const spec: Dialect = {
  takesSessionResume: true,
  takesClose: true,
  takesBye: true,
  closeForgetsSession: false,
  resumesCaughtUp: true,
  checksResumePrincipal: true,
  failedResumeForgetsSession: false,
  resumeRefusal: "RESUME_WINDOW_EXPIRED",
  closesAfterRefusal: true,
  jobsSurviveDrop: true,
  ackFrees: true,
  keepsFinishedJobs: true,
  replaysTerminal: true,
  subscribedFirst: true,
  redactsRotation: true,
  subscribedFromSubmitter: true,
  hidesForeignJobs: true,
  replaysRotation: true,
  gatesLeaseFeatures: true,
  progressNeedsFeature: false,
  statesCompletion: true,
  statesCosts: true,
  remainingAfterCost: true,
  bareAgentFilter: true,
  answersForeignCancel: true,
  checksFrameIds: false,
  welcomesIntersection: true,
  refusalType: () => "session.error",
  shape(type, payload, nowMs) {
    switch (type) {
      case "session.welcome":
        return [type, { ...payload, accepted_at: new Date(nowMs).toISOString() }];
      case "session.jobs":
        return [type, withSubmittedAt(payload)];
      case "job.event":
        return [type, withBodies(payload, bodies)];
      case "job.result":
        return [type, "result" in payload ? { ...payload, output: payload["result"] } : payload];
      default:
        return [type, payload];
    }
  },
};

const bodies: Readonly<Record<string, (body: OutgoingPayload) => OutgoingPayload>> = {
  delegate: (body) => (body["input"] === undefined ? { ...body, input: null } : body),
};

function withSubmittedAt(payload: OutgoingPayload): OutgoingPayload {
  const jobs = payload["jobs"] as readonly OutgoingPayload[];
  return { ...payload, jobs: jobs.map((job) => ({ ...job, submitted_at: job["created_at"] })) };
}
