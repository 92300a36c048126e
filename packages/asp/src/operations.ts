import type { Shape } from "@imprest/core/internal";
import {
  type AspMethod,
  type CommitResponse,
  type QueryBudgetResponse,
  type RefundResponse,
  type ReleaseResponse,
  type ReserveResponse,
  commitResponse,
  queryBudgetResponse,
  refundResponse,
  releaseResponse,
  reserveResponse,
} from "@imprest/core/models/asp";
import type { PromisedEvent } from "./promised-event.ts";

/** One verb of the wire and how its answer is read. */
export interface Operation<Answer extends object> {
  readonly method: AspMethod;
  readonly answer: Shape<Answer>;
  /** The event that its answer promises; absent for a read. */
  readonly verb?: PromisedEvent["verb"] | undefined;
}

export const reserve: Operation<ReserveResponse> = { method: "Reserve", answer: reserveResponse, verb: "reserve" };
export const commit: Operation<CommitResponse> = { method: "Commit", answer: commitResponse, verb: "commit" };
export const release: Operation<ReleaseResponse> = { method: "Release", answer: releaseResponse, verb: "release" };
export const refund: Operation<RefundResponse> = { method: "Refund", answer: refundResponse, verb: "refund" };
export const queryBudget: Operation<QueryBudgetResponse> = { method: "QueryBudget", answer: queryBudgetResponse };
