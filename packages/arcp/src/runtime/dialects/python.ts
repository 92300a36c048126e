import type { Dialect, OutgoingPayload } from "./dialect.ts";
import { renamed, withBodies, without } from "./shape.ts";
import { spec } from "./spec.ts";

/** The reference Python runtime. */
export const python: Dialect = {
  ...spec,
  statesCosts: false,
  takesSessionResume: false,
  failedResumeForgetsSession: true,
  resumeRefusal: "INTERNAL_ERROR",
  subscribedFirst: false,
  bareAgentFilter: false,
  answersForeignCancel: false,
  checksFrameIds: true,
  welcomesIntersection: false,
  shape(type, payload, nowMs) {
    switch (type) {
      case "session.welcome":
        return [type, { ...payload, accepted_at: new Date(nowMs).toISOString() }];
      case "session.error":
        return [type, without(payload, "request_id", "job_id")];
      case "session.jobs":
        return [type, shapeJobs(payload)];
      case "job.accepted":
        return [type, pythonBudget(payload)];
      case "job.cancelled":
        return [type, without(payload, "reason")];
      case "job.subscribed":
        return [type, without(payload, "budget", "lease_constraints")];
      case "job.event":
        return [type, withBodies(payload, pythonBodies)];
      case "job.error":
        return pythonEnd(payload);
      default:
        return [type, payload];
    }
  },
};

/** Bodies of events in the words of the reference Python library. */
export const pythonBodies: Readonly<Record<string, (body: OutgoingPayload) => OutgoingPayload>> = {
  tool_call: (body) => renamed(body, { call_id: "tool_call_id", tool: "name", args: "arguments" }),
  tool_result: (body) => renamed(body, { call_id: "tool_call_id", result: "output" }),
  metric: (body) => renamed(body, { dimensions: "attributes" }),
  artifact_ref: (body) => ({
    ...renamed(without(body, "sha256"), { content_type: "media_type", byte_size: "size_bytes" }),
    artifact_id: body["uri"],
  }),
  delegate: (body) => ({
    ...(body["child_job_id"] === undefined ? {} : { child_job_id: body["child_job_id"] }),
    agent: body["agent"],
    ...(body["lease_request"] === undefined ? {} : { lease: body["lease_request"] }),
  }),
};

/** `{USD: "USD:5"}` instead of `{USD: 5}`. */
export function pythonBudget(payload: OutgoingPayload): OutgoingPayload {
  const { budget } = payload;
  if (typeof budget !== "object" || budget === null) return payload;
  const written = Object.entries(budget).map(([currency, value]) => [currency, `${currency}:${String(value)}`]);
  return { ...payload, budget: Object.fromEntries(written) };
}

/** A `job.error` is of a failure alone there: other ends are results. */
export function pythonEnd(payload: OutgoingPayload): readonly [string, OutgoingPayload] {
  const { final_status, completed_at } = payload;
  return final_status === "error" ? ["job.error", payload] : ["job.result", { final_status, completed_at }];
}

function shapeJobs(payload: OutgoingPayload): OutgoingPayload {
  const jobs = payload["jobs"] as readonly OutgoingPayload[];
  const shaped = {
    ...payload,
    jobs: jobs.map((job) => without(renamed(job, { created_at: "submitted_at" }), "lease", "last_event_seq")),
  };
  return payload["next_cursor"] === null ? without(shaped, "next_cursor") : shaped;
}
