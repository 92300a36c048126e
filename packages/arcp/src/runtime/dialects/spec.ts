import type { Dialect } from "../dialect.ts";

/** ARCP 1.1 as it is written, and version 1.0 where 1.1 is silent. */
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
  replaysRotation: true,
  gatesLeaseFeatures: true,
  progressNeedsFeature: false,
  remainingAfterCost: true,
  bareAgentFilter: true,
  answersForeignCancel: true,
  checksFrameIds: false,
  welcomesIntersection: true,
  refusalType: () => "session.error",
};
