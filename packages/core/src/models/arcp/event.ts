import { flag, jsonObject, nonEmpty, number, text, wholeNumber } from "../../wire/leaves.ts";
import { type Shape, object, optional } from "../../wire/shape.ts";
import { type WireFailure, wireFailure } from "./failure.ts";
import { type LeaseConstraints, type WireLease, amount, leaseConstraints, wireLease } from "./lease.ts";
import type { ArcpEventKind } from "./names.ts";
import { value } from "./value.ts";

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

export const jobEvent: Shape<JobEvent> = object({ kind: nonEmpty, ts: text, body: value });

/** The shapes of the ten bodies, by kind. */
export const eventBodies: { readonly [Kind in ArcpEventKind]: Shape<EventBodies[Kind]> } = {
  log: object({ level: text, message: text, attributes: optional(jsonObject) }),
  thought: object({ text }),
  tool_call: object({ tool: text, args: value, call_id: text }),
  tool_result: object({ call_id: text, result: value, error: optional(wireFailure) }),
  status: object({ phase: text, message: optional(text), id: optional(text), value: optional(text) }),
  metric: object({ name: text, value: amount, unit: optional(text), dimensions: optional(jsonObject) }),
  artifact_ref: object({
    uri: text,
    content_type: text,
    byte_size: optional(number(0)),
    sha256: optional(text),
  }),
  delegate: object({
    delegate_id: optional(text),
    child_job_id: optional(text),
    agent: text,
    input: value,
    lease_request: optional(wireLease),
    lease_constraints: optional(leaseConstraints),
  }),
  progress: object({
    current: number(0),
    total: optional(number(0)),
    units: optional(text),
    message: optional(text),
  }),
  result_chunk: object({
    result_id: text,
    chunk_seq: wholeNumber(0),
    data: text,
    encoding: text,
    more: flag,
  }),
};
