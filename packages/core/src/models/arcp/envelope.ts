import { value } from "./value.ts";
import { jsonObject, nonEmpty, oneOf, patternedText, text, wholeNumber } from "../../wire/leaves.ts";
import { type Shape, object, optional } from "../../wire/shape.ts";
import { arcpVersion } from "./names.ts";

/** The frame every message travels in (ARCP §5): one JSON object, one frame. Unknown members are ignored. */
export interface ArcpEnvelope<Type extends string = string, Payload = unknown> {
  /** Always `"1.1"`. */
  readonly arcp: string;
  /** A ULID or UUIDv7, optionally behind a prefix; the key under which a repeated frame is recognised. */
  readonly id: string;
  readonly type: Type;
  /** Absent on `session.hello`, and on errors before the session is open. */
  readonly session_id?: string | undefined;
  /** 32 lower-case hex digits; runtimes drop the frame for any other form. */
  readonly trace_id?: string | undefined;
  readonly job_id?: string | undefined;
  /** On `job.event`, `job.result` and `job.error`: counts from 1 over all jobs of the session (ARCP §8.3). */
  readonly event_seq?: number | undefined;
  readonly payload: Payload;
  readonly extensions?: Readonly<Record<string, unknown>> | undefined;
}

const traceId = patternedText(/^[0-9a-f]{32}$/, 32, "must be 32 lower-case hex digits");

/** Of a frame that says all in its type the payload may be absent. */
export const arcpEnvelope: Shape<Omit<ArcpEnvelope, "payload"> & { readonly payload?: unknown }> = object({
  arcp: oneOf([arcpVersion]),
  id: nonEmpty,
  type: nonEmpty,
  session_id: optional(text),
  trace_id: optional(traceId),
  job_id: optional(text),
  event_seq: optional(wholeNumber(1)),
  payload: value,
  extensions: optional(jsonObject),
});
