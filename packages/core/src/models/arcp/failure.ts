import { flag, jsonObject, text } from "../../wire/leaves.ts";
import { type OptionalShape, type Shape, object, optional } from "../../wire/shape.ts";

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

/** The members of a failure, also of a job's. */
export const failureMembers: {
  readonly code: Shape<string>;
  readonly message: Shape<string>;
  readonly retryable: OptionalShape<boolean>;
  readonly details: OptionalShape<Record<string, unknown>>;
  readonly request_id: OptionalShape<string>;
  readonly job_id: OptionalShape<string>;
} = {
  code: text,
  message: text,
  retryable: optional(flag),
  details: optional(jsonObject),
  request_id: optional(text),
  job_id: optional(text),
};

export const wireFailure: Shape<WireFailure> = object(failureMembers);
