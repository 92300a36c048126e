import * as z from "zod/mini";
import type { WireSchema } from "../../wire/schema.ts";
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

export const envelopeSchema: WireSchema<ArcpEnvelope> = z.looseObject({
  arcp: z.literal(arcpVersion),
  id: z.string().check(z.minLength(1)),
  type: z.string().check(z.minLength(1)),
  session_id: z.optional(z.string()),
  trace_id: z.optional(z.string().check(z.regex(/^[0-9a-f]{32}$/))),
  job_id: z.optional(z.string()),
  event_seq: z.optional(z.int().check(z.positive())),
  payload: z.unknown(),
  extensions: z.optional(z.record(z.string(), z.unknown())),
});
