import { type CallOptions } from "@imprest/core";
import { abortedError, onAbort } from "@imprest/core/internal";
import type { ArcpJob } from "./job/job.ts";
import type { JobOutcome } from "./job/job-state.ts";
import type { SubmitRequest } from "./job/submit-request.ts";
import type { ArcpSession } from "./session/session.ts";

/** What a job came to: on the client's side of ARCP, a job is the reservation and its `cost.*` metrics the spend. */
export interface JobSettlement {
  readonly jobId: string;
  readonly outcome: JobOutcome;
  /** What the job, and those it delegated to, reported as spent, as plain decimals by currency. */
  readonly spent: Readonly<Record<string, string>>;
  /** True when events were lost on the way, or may have been: more may have been spent than `spent` says. */
  readonly eventsMissing: boolean;
  /** What is left of each leased budget, as plain decimals; perhaps negative. */
  readonly remaining: Readonly<Record<string, string>>;
}

/** What `withReservation` gives: the body's value, and what the job came to. */
export interface Reserved<Value> {
  readonly value: Value;
  readonly settlement: JobSettlement;
}

/**
 * Runs `body` with a job whose lease is its budget. When the body returns, the job is waited for; when it throws, or
 * `request.signal` aborts, the job is cancelled and the error thrown at once.
 * @throws what `session.submit` throws, in which case the body never ran; what the body throws; what `job.outcome`
 * throws. A job that failed is no exception here: see `settlement.outcome`.
 */
export async function withReservation<Value>(
  session: ArcpSession,
  request: SubmitRequest,
  body: (job: ArcpJob) => Value | PromiseLike<Value>,
): Promise<Reserved<Value>> {
  const { signal } = request;
  const job = await session.submit(request);
  try {
    const value = await unlessAborted(async () => body(job), signal);
    return { value, settlement: settlementOf(job, await job.outcome({ signal })) };
  } catch (error) {
    // The caller waits for its error only; a refusal to cancel is the session's warning.
    void job.cancel("the guarded call failed").catch(() => {});
    throw error;
  }
}

/** `withReservation` as a wrapper: each call submits a job, and gets the body's value. */
export function guard<Arguments extends unknown[], Value>(
  session: ArcpSession,
  request: SubmitRequest | ((...args: Arguments) => SubmitRequest),
  body: (job: ArcpJob, ...args: Arguments) => Value | PromiseLike<Value>,
): (...args: Arguments) => Promise<Value> {
  return async (...args) => {
    const asked = typeof request === "function" ? request(...args) : request;
    return (await withReservation(session, asked, (job) => body(job, ...args))).value;
  };
}

function settlementOf(job: ArcpJob, outcome: JobOutcome): JobSettlement {
  const remaining = job.budget.currencies.map((currency) => [currency, job.budget.remaining(currency) ?? "0"]);
  const { id: jobId, costs: spent, eventsMissing } = job;
  return { jobId, outcome, spent, eventsMissing, remaining: Object.fromEntries(remaining) };
}

function unlessAborted<Value>(work: () => Promise<Value>, signal: CallOptions["signal"]): Promise<Value> {
  return new Promise((resolve, reject) => {
    const stopListening = onAbort(signal, () => reject(abortedError(signal, "A guarded job")));
    work().then(resolve, reject).finally(stopListening);
  });
}
