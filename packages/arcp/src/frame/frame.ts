import { type ExactJson, lenientPartial, parseJson, stringifyJson } from "@imprest/core/internal";
import { type ArcpEnvelope, arcpEnvelope, arcpVersion } from "@imprest/core/models/arcp";

/**
 * A frame as the client reads it: whatever a runtime wrote, with a type. The known dialects differ, so every other member
 * may be missing, and one in another form than the specification's is left out.
 */
export interface Frame extends Partial<Omit<ArcpEnvelope, "type" | "payload">> {
  readonly type: string;
  /** As it came; `payloadOf` reads it. */
  readonly payload: Readonly<Record<string, unknown>>;
}

const envelope = lenientPartial(arcpEnvelope);

/** Reads one frame: a single parse, unknown members kept. `undefined` for what is no envelope at all. */
export function readFrame(text: string): Frame | undefined {
  let value: ExactJson;
  try {
    value = parseJson(text);
  } catch {
    return undefined;
  }
  const result = envelope.safeParse(value);
  if (!result.success || result.data.type === undefined) return undefined;
  const { data } = result;
  return isObject(data.payload) ? (data as Frame) : ({ ...data, payload: {} } as Frame);
}

/** The envelope's members beside type and payload. */
export interface FrameHeader {
  readonly id: string;
  readonly sessionId?: string | undefined;
  readonly jobId?: string | undefined;
  /** 32 lower-case hex digits. */
  readonly traceId?: string | undefined;
  readonly extensions?: Readonly<Record<string, unknown>> | undefined;
}

/** Writes one frame that the strictest runtime takes: no `null`, no unknown member, exact integers. */
export function writeFrame(type: string, payload: object, header: FrameHeader): string {
  return stringifyJson({
    arcp: arcpVersion,
    id: header.id,
    type,
    session_id: header.sessionId,
    trace_id: header.traceId,
    job_id: header.jobId,
    payload,
    extensions: header.extensions,
  });
}

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** A non-empty string, or `undefined` for anything else, `null` included. */
export function textOf(value: unknown): string | undefined {
  return typeof value === "string" && value !== "" ? value : undefined;
}

/** The job a frame is about: on the envelope or, in the specification's own examples, in the payload. */
export function jobIdOf(frame: Frame): string | undefined {
  return frame.job_id || textOf(frame.payload["job_id"]);
}
