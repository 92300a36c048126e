import type { Dialect, OutgoingPayload } from "./dialect.ts";
import { renamed, withBodies, without } from "./shape.ts";
import { spec } from "./spec.ts";

/** The reference Go runtime. */
export const go: Dialect = {
  ...spec,
  statesCosts: false,
  statesCompletion: false,
  takesSessionResume: false,
  takesBye: false,
  closeForgetsSession: true,
  replaysRotation: false,
  shape(type, payload) {
    switch (type) {
      case "session.welcome":
        return [type, without(payload, "session_id")];
      case "session.jobs":
        return [type, payload["next_cursor"] === null ? without(payload, "next_cursor") : payload];
      case "job.accepted":
      case "job.subscribed":
      case "job.cancelled":
        return [type, without(payload, "request_id")];
      case "job.result":
        return [type, renamed(payload, { result: "output" })];
      case "job.event":
        return [
          type,
          withBodies(payload, {
            status: shapeRotation,
            log: (body) => renamed(body, { attributes: "fields" }),
            delegate: (body) => without(renamed(body, { lease_request: "lease" }), "delegate_id", "input"),
          }),
        ];
      default:
        return [type, payload];
    }
  },
};

/** What a rotation carries stands in `details` there. */
function shapeRotation(body: OutgoingPayload): OutgoingPayload {
  const { phase, id, value } = body;
  return phase === "credential_rotated" ? { phase, message: id, details: { id, value } } : body;
}
