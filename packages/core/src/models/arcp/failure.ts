import * as z from "zod/mini";
import type { WireSchema } from "../../wire/schema.ts";

/** What went wrong (ARCP §12): the payload of `session.error`, and the `error` of a `tool_result`. */
export interface WireFailure {
  /** One of the fifteen codes, or the vendor's own. */
  readonly code: string;
  readonly message: string;
  readonly retryable?: boolean | undefined;
  readonly details?: Readonly<Record<string, unknown>> | undefined;
  /** The `id` of the request that failed, where the runtime says so. */
  readonly request_id?: string | undefined;
  readonly job_id?: string | undefined;
}

export const failureSchema: WireSchema<WireFailure> = z.looseObject({
  code: z.string(),
  message: z.string(),
  retryable: z.optional(z.boolean()),
  details: z.optional(z.record(z.string(), z.unknown())),
  request_id: z.optional(z.string()),
  job_id: z.optional(z.string()),
});
