import type { OutgoingPayload } from "../dialects/dialect.ts";

/** A client library whose reading departs from the draft, or `draft` for every other. */
export type ClientName = "draft" | "python" | "typescript" | "go" | "java";

/**
 * How a client reads what a runtime writes, where that contradicts the draft or other clients: whatever can be settled by a
 * further member is written for everyone instead.
 */
export interface ClientReading {
  readonly name: ClientName;
  /** What a refused request is answered with: `echo` is a `job.error` without a job, under the request's own id. */
  readonly refusal: "session.error" | "job.error" | "echo";
  /** It distinguishes an acceptance that it did not ask for from an answer to its submit. */
  readonly knowsDelegates: boolean;
  /** How long after the answer to a subscription its client is sent that job's events, in milliseconds. */
  readonly hearsSubscriptionAfterMs: number;
  /** The last word on a payload; `type` may change as well. */
  shape?(type: string, payload: OutgoingPayload): readonly [string, OutgoingPayload];
}

/** Reads as the draft is written. */
export const draft: ClientReading = {
  name: "draft",
  refusal: "session.error",
  knowsDelegates: true,
  hearsSubscriptionAfterMs: 0,
};
