import * as z from "zod/mini";
import type { WireSchema } from "../../wire/schema.ts";
import { type WireFailure, failureSchema } from "./failure.ts";
import { type LeaseConstraints, type WireLease, leaseConstraintsSchema, leaseSchema } from "./lease.ts";

/** `log`. Levels: `trace debug info warn error critical`, or another. */
export interface LogBody {
  readonly level: string;
  readonly message: string;
  readonly attributes?: Readonly<Record<string, unknown>> | undefined;
}

/** `thought`. */
export interface ThoughtBody {
  readonly text: string;
}

/** `tool_call`. */
export interface ToolCallBody {
  readonly tool: string;
  readonly args?: unknown;
  readonly call_id: string;
}

/** `tool_result`: `result` or `error`; neither for a tool that returns nothing. */
export interface ToolResultBody {
  readonly call_id: string;
  readonly result?: unknown;
  readonly error?: WireFailure | undefined;
}

/** `status`. Reserved phases: `running`, `back_pressure`, `credential_rotated` (with `id` and the secret `value`). */
export interface StatusBody {
  readonly phase: string;
  readonly message?: string | undefined;
  readonly id?: string | undefined;
  readonly value?: string | undefined;
}

/** `metric`. A name that begins with `cost.` decrements the budget counter of its `unit` (ARCP §9.6). */
export interface MetricBody {
  readonly name: string;
  /** A bigint for a whole number beyond 2^53 - 1. */
  readonly value: number | bigint;
  readonly unit?: string | undefined;
  readonly dimensions?: Readonly<Record<string, unknown>> | undefined;
}

/** `artifact_ref`. */
export interface ArtifactRefBody {
  readonly uri: string;
  readonly content_type: string;
  readonly byte_size?: number | undefined;
  readonly sha256?: string | undefined;
}

/** `delegate` (ARCP §10; members as version 1.0 §10.1 has them). */
export interface DelegateBody {
  readonly delegate_id?: string | undefined;
  readonly child_job_id?: string | undefined;
  readonly agent: string;
  readonly input?: unknown;
  readonly lease_request?: WireLease | undefined;
  readonly lease_constraints?: LeaseConstraints | undefined;
}

/** `progress` (ARCP §8.2.1). `total` absent: no end is known. */
export interface ProgressBody {
  readonly current: number;
  readonly total?: number | undefined;
  readonly units?: string | undefined;
  readonly message?: string | undefined;
}

/** `result_chunk` (ARCP §8.4). */
export interface ResultChunkBody {
  readonly result_id: string;
  /** Counts from 0 without gaps. */
  readonly chunk_seq: number;
  readonly data: string;
  /** `utf8` or `base64`. */
  readonly encoding: string;
  readonly more: boolean;
}

/** The body of each of the ten kinds (ARCP §8.2). */
export interface EventBodies {
  readonly log: LogBody;
  readonly thought: ThoughtBody;
  readonly tool_call: ToolCallBody;
  readonly tool_result: ToolResultBody;
  readonly status: StatusBody;
  readonly metric: MetricBody;
  readonly artifact_ref: ArtifactRefBody;
  readonly delegate: DelegateBody;
  readonly progress: ProgressBody;
  readonly result_chunk: ResultChunkBody;
}

/** `job.event` (ARCP §8.1). `body` has the shape of its `kind`; a kind that is not one of the ten is the vendor's. */
export interface JobEvent {
  readonly kind: string;
  /** ISO 8601. */
  readonly ts: string;
  readonly body?: unknown;
}

const optionalText = z.optional(z.string());
const optionalObject = z.optional(z.record(z.string(), z.unknown()));

export const jobEventSchema: WireSchema<JobEvent> = z.looseObject({
  kind: z.string().check(z.minLength(1)),
  ts: z.string(),
  body: z.optional(z.unknown()),
});

/** Schemas of the ten bodies, by kind. */
export const eventBodySchemas: { readonly [Kind in keyof EventBodies]: WireSchema<EventBodies[Kind]> } = {
  log: z.looseObject({ level: z.string(), message: z.string(), attributes: optionalObject }),
  thought: z.looseObject({ text: z.string() }),
  tool_call: z.looseObject({ tool: z.string(), args: z.optional(z.unknown()), call_id: z.string() }),
  tool_result: z.looseObject({
    call_id: z.string(),
    result: z.optional(z.unknown()),
    error: z.optional(failureSchema),
  }),
  status: z.looseObject({ phase: z.string(), message: optionalText, id: optionalText, value: optionalText }),
  metric: z.looseObject({
    name: z.string(),
    value: z.union([z.number(), z.bigint()]),
    unit: optionalText,
    dimensions: optionalObject,
  }),
  artifact_ref: z.looseObject({
    uri: z.string(),
    content_type: z.string(),
    byte_size: z.optional(z.number()),
    sha256: optionalText,
  }),
  delegate: z.looseObject({
    delegate_id: optionalText,
    child_job_id: optionalText,
    agent: z.string(),
    input: z.optional(z.unknown()),
    lease_request: z.optional(leaseSchema),
    lease_constraints: z.optional(leaseConstraintsSchema),
  }),
  progress: z.looseObject({
    current: z.number().check(z.nonnegative()),
    total: z.optional(z.number().check(z.nonnegative())),
    units: optionalText,
    message: optionalText,
  }),
  result_chunk: z.looseObject({
    result_id: z.string(),
    chunk_seq: z.int().check(z.nonnegative()),
    data: z.string(),
    encoding: z.string(),
    more: z.boolean(),
  }),
};
