import * as z from "zod/mini";
import type { WireSchema } from "../../wire/schema.ts";
import { boundedText, jsonObject, requestObject, wholeNumber } from "./fields.ts";

/** Measurements that go with a commit or an event (Cycles §StandardMetrics). */
export interface StandardMetrics {
  readonly tokens_input?: number | undefined;
  readonly tokens_output?: number | undefined;
  readonly latency_ms?: number | undefined;
  readonly model_version?: string | undefined;
  readonly custom?: Readonly<Record<string, unknown>> | undefined;
}

export const requestMetricsSchema: WireSchema<StandardMetrics> = requestObject({
  tokens_input: z.optional(wholeNumber(0)),
  tokens_output: z.optional(wholeNumber(0)),
  latency_ms: z.optional(wholeNumber(0)),
  model_version: z.optional(boundedText(128)),
  custom: z.optional(jsonObject),
});
