import type { Dialect, OutgoingPayload } from "./dialect.ts";
import { renamed, withBodies, without } from "./shape.ts";
import { spec } from "./spec.ts";

/** Codes and requests that this runtime refuses with `session.error`; the others come as a `job.error`. */
const sessionErrors: ReadonlySet<string> = new Set(["AGENT_VERSION_NOT_AVAILABLE", "INTERNAL_ERROR"]);

/** The reference TypeScript runtime of the recorded transcripts. */
export const typescript: Dialect = {
  ...spec,
  statesCosts: false,
  statesCompletion: false,
  takesSessionResume: false,
  takesClose: false,
  resumesCaughtUp: false,
  checksResumePrincipal: false,
  closesAfterRefusal: false,
  jobsSurviveDrop: false,
  ackFrees: false,
  keepsFinishedJobs: false,
  replaysTerminal: false,
  subscribedFirst: false,
  subscribedFromSubmitter: false,
  hidesForeignJobs: false,
  redactsRotation: false,
  gatesLeaseFeatures: false,
  progressNeedsFeature: true,
  remainingAfterCost: false,
  refusalType(request, code) {
    if (sessionErrors.has(code)) return "session.error";
    if (request === "job.submit" || request === "job.cancel") return "job.error";
    return request === "job.subscribe" && code === "JOB_NOT_FOUND" ? "job.error" : "session.error";
  },
  shape(type, payload) {
    if (type === "job.event") return [type, shapeEvent(payload)];
    if (type === "session.error" || type === "job.error") return [type, without(payload, "request_id", "job_id")];
    if (type === "job.cancelled") return [type, without(payload, "request_id", "job_id")];
    if (type === "session.welcome") return [type, without(payload, "session_id")];
    if (type === "job.accepted" || type === "job.subscribed") {
      return [type, shapeCredentials(without(payload, "request_id"))];
    }
    return [type, payload];
  },
};

function shapeEvent(payload: OutgoingPayload): OutgoingPayload {
  return withBodies(payload, {
    metric: (body) => renamed(body, { dimensions: "dims" }),
    delegate: (body) => without(body, "child_job_id"),
  });
}

/** `{allowed_models, max_spend: {currency, amount}, expires_at}` instead of the lease's own words. */
function shapeCredentials(payload: OutgoingPayload): OutgoingPayload {
  const { credentials } = payload;
  if (!Array.isArray(credentials)) return payload;
  return {
    ...payload,
    credentials: credentials.map((credential: OutgoingPayload) => {
      const constraints = (credential["constraints"] ?? {}) as OutgoingPayload;
      const models = constraints["model.use"];
      const [budget] = (constraints["cost.budget"] ?? []) as readonly string[];
      const [currency, amount] = budget?.split(":") ?? [];
      return {
        ...credential,
        constraints: {
          ...(models === undefined ? {} : { allowed_models: models }),
          ...(currency === undefined ? {} : { max_spend: { currency, amount: Number(amount) } }),
          ...(constraints["expires_at"] === undefined ? {} : { expires_at: constraints["expires_at"] }),
        },
      };
    }),
  };
}
