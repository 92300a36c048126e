import { type ExactJson, parseJson, stringifyJson } from "@imprest/core/internal";
import { arcpVersion } from "@imprest/core/models/arcp";

/**
 * A frame as the client reads it: whatever a runtime wrote, with a type. Members may be `null`, missing or of another
 * type than the specification says; the three known dialects differ, so each reader checks what it uses.
 */
export interface Frame {
  readonly id?: unknown;
  readonly type: string;
  readonly session_id?: unknown;
  readonly trace_id?: unknown;
  readonly job_id?: unknown;
  readonly event_seq?: unknown;
  readonly payload: Readonly<Record<string, unknown>>;
}

/** Reads one frame: a single parse, unknown members kept. `undefined` for what is no envelope at all. */
export function readFrame(text: string): Frame | undefined {
  let value: ExactJson;
  try {
    value = parseJson(text);
  } catch {
    return undefined;
  }
  if (!isObject(value) || typeof value["type"] !== "string") return undefined;
  if (!isObject(value["payload"])) value["payload"] = {};
  return value as unknown as Frame;
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
  return textOf(frame.job_id) ?? textOf(frame.payload["job_id"]);
}
