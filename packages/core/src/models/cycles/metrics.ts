import { boundedText, jsonObject, wholeNumber } from "../../wire/leaves.ts";
import { type Shape, closedObject, optional } from "../../wire/shape.ts";

/** Measurements that go with a commit or an event (Cycles §StandardMetrics). */
export interface StandardMetrics {
  readonly tokens_input?: number | undefined;
  readonly tokens_output?: number | undefined;
  readonly latency_ms?: number | undefined;
  readonly model_version?: string | undefined;
  readonly custom?: Readonly<Record<string, unknown>> | undefined;
}

export const standardMetrics: Shape<StandardMetrics> = closedObject({
  tokens_input: optional(wholeNumber(0)),
  tokens_output: optional(wholeNumber(0)),
  latency_ms: optional(wholeNumber(0)),
  model_version: optional(boundedText(128)),
  custom: optional(jsonObject),
});
