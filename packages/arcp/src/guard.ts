import type { CallOptions } from "@imprest/core";
import { abortedError, onAbort } from "@imprest/core/internal";
import type { ArcpJob } from "./job/job.ts";
import type { SubmitRequest } from "./job/submit-request.ts";
import { type JobSettlement, settlementOf } from "./job/settlement.ts";
import type { ArcpSession } from "./session/session.ts";

/** How one job is run; what is given here wins over the same member of the request. */
export interface JobOptions extends CallOptions, Pick<SubmitRequest, "idempotencyKey" | "onLost"> {
  /** Called with what the job came to, once. */
  readonly onSettlement?: ((settlement: JobSettlement) => unknown) | undefined;
}

/**
 * Runs `body` with a job whose lease is its budget. When the body returns, the job is waited for; when it throws, or
 * the signal aborts, the job is cancelled and the error thrown at once.
 * @throws what `session.submit` throws, in which case the body never ran; what the body throws; what `job.outcome`
 * throws. A job that failed is no exception here: see `settlement.outcome`.
 * @example
 * const request = { agent: "researcher", input: "tea", lease: { "cost.budget": ["USD:1.00"] } };
 * const { value, settlement } = await withReservation(session, request, (job) => job.result());
 */
export async function withReservation<Value>(
  session: ArcpSession,
  request: SubmitRequest,
  body: (job: ArcpJob) => Value | PromiseLike<Value>,
  options: JobOptions = {},
): Promise<{ value: Value; settlement: JobSettlement }> {
  const { onSettlement, ...own } = options;
  const submitted: SubmitRequest = { ...request, ...given(own) };
  const { signal } = submitted;
  const job = await session.submit(submitted);
  try {
    const value = await unlessAborted(async () => body(job), signal);
    const settlement = settlementOf(job, await job.outcome({ signal }));
    notify(onSettlement, settlement);
    return { value, settlement };
  } catch (error) {
    // The caller waits for its error only; a refusal to cancel is the session's warning.
    void job.cancel("the guarded call failed").catch(() => {});
    throw error;
  }
}

/**
 * `withReservation` as a wrapper: each call submits a job, and gets the body's value. The request and the options are the
 * same for every call, or made of the call's arguments.
 * @example
 * const research = guard(session, (topic: string) => ({ agent: "researcher", input: topic }), (job) => job.result());
 * await research("tea");
 */
export function guard<Arguments extends readonly unknown[], Value>(
  session: ArcpSession,
  request: SubmitRequest | ((...args: Arguments) => SubmitRequest),
  body: (job: ArcpJob, ...args: Arguments) => Value | PromiseLike<Value>,
  options: JobOptions | ((...args: Arguments) => JobOptions) = {},
): (...args: Arguments) => Promise<Value> {
  return async (...args) => {
    const asked = typeof request === "function" ? request(...args) : request;
    const chosen = typeof options === "function" ? options(...args) : options;
    return (await withReservation(session, asked, (job) => body(job, ...args), chosen)).value;
  };
}

/** An option that is undefined leaves the request's own member as it is. */
function given<Options extends object>(options: Options): Partial<Options> {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as Partial<Options>;
}

/** The job is over: a listener that throws or rejects does not undo that. */
function notify(onSettlement: JobOptions["onSettlement"], settlement: JobSettlement): void {
  try {
    const heard: unknown = onSettlement?.(settlement);
    if (heard instanceof Promise) heard.catch(() => {});
  } catch {
    // As above.
  }
}

function unlessAborted<Value>(work: () => Promise<Value>, signal: CallOptions["signal"]): Promise<Value> {
  return new Promise((resolve, reject) => {
    const stopListening = onAbort(signal, () => reject(abortedError(signal, "A guarded job")));
    work().then(resolve, reject).finally(stopListening);
  });
}
