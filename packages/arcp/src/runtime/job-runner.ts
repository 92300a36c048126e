import type { Timer } from "@imprest/core";
import { AgentContext, type AgentFunction } from "./agent-context.ts";
import { setDeadline } from "./deadline.ts";
import { delegate } from "./delegate.ts";
import { arcpFailure, toWireFailure } from "./failure.ts";
import type { Job } from "./job.ts";
import { type JobOutcome, stringifyPayload } from "./job-message.ts";
import { leaseExpired, translated } from "./operations.ts";
import { ResultWriter } from "./result-writer.ts";
import type { RuntimeCore } from "./runtime-core.ts";

/** Starts an accepted job; it ends with what the agent returns or throws, or with what it is stopped for. */
export function runJob(core: RuntimeCore, job: Job, agent: AgentFunction): void {
  job.isAccepted = true;
  const timers = watchTime(core, job);
  void job.ended.then(() => {
    for (const timer of timers) timer.clear();
  });
  // In a later turn, so that whoever asked for the job has its answer first.
  queueMicrotask(() => {
    run(core, job, agent).catch(() => job.end(unexplained));
  });
}

/** The end of a job whose agent threw something that nothing can be read from. */
const unexplained: JobOutcome = {
  type: "job.error",
  status: "error",
  payload: {
    final_status: "error",
    code: "INTERNAL_ERROR",
    message: "The agent failed in a way that cannot be told.",
    retryable: true,
  },
};

async function run(core: RuntimeCore, job: Job, agent: AgentFunction): Promise<void> {
  if (job.isTerminal) return;
  job.status = "running";
  void job.emit("status", { phase: "running" });
  const { settings, credentials } = core;
  const result = new ResultWriter(job, settings);
  try {
    const context = new AgentContext({
      settings,
      job,
      result,
      credentials,
      delegate: (delegation) => delegate(core, job, delegation),
    });
    const value = await agent(context);
    job.end(await succeeded(core, job, result, value));
  } catch (error) {
    const failure = toWireFailure(translated(error, job, settings));
    if (!job.isTerminal) settings.logger.warn("an agent failed", { jobId: job.id, code: failure.code });
    job.end({ type: "job.error", status: "error", payload: { final_status: "error", ...failure } });
  }
}

/** `job.result`: inline, or by `result_id` after chunks; never both (ARCP §8.4). */
async function succeeded(core: RuntimeCore, job: Job, writer: ResultWriter, value: unknown): Promise<JobOutcome> {
  const done = { type: "job.result", status: "success" } as const;
  if (!writer.hasStarted) {
    const { maxInlineResultCharacters: most } = core.settings;
    // Also the proof that it can be written at all.
    const length = value === undefined ? 0 : stringifyPayload(value).length;
    if (length > most) {
      throw arcpFailure(
        "INTERNAL_ERROR",
        `The result has more than ${most} characters; stream it with context.result.`,
        { retryable: false },
      );
    }
    return { ...done, payload: { final_status: "success", ...(value === undefined ? {} : { result: value }) } };
  }
  if (job.isTerminal) return { ...done, payload: { final_status: "success" } };
  if (value !== undefined) {
    throw arcpFailure(
      "INTERNAL_ERROR",
      "The agent streamed a result and returned another; return nothing after chunks.",
    );
  }
  const { resultId, size, summary } = await writer.finish();
  return {
    ...done,
    payload: {
      final_status: "success",
      result_id: resultId,
      result_size: size,
      ...(summary === undefined ? {} : { summary }),
    },
  };
}

function watchTime(core: RuntimeCore, job: Job): Timer[] {
  const { clock, cancelGraceMs, expiryGraceMs, logger } = core.settings;
  const { maxRuntimeMs, expiresAtMonotonicMs, expiresAt } = job.terms;
  const timers: Timer[] = [];
  if (maxRuntimeMs !== undefined) {
    const timeout = arcpFailure("TIMEOUT", `The job exceeded max_runtime_sec=${maxRuntimeMs / 1000}.`);
    timers.push(setDeadline(clock, clock.monotonic() + maxRuntimeMs, () => job.stop(timeout, "timed_out", 0)));
  }
  if (expiresAtMonotonicMs !== undefined) {
    const expire = (): void => {
      logger.info("a job's lease expired", { jobId: job.id, principal: job.principal, expiresAt });
      job.stop(leaseExpired(expiresAt), "error", cancelGraceMs);
    };
    timers.push(setDeadline(clock, expiresAtMonotonicMs + expiryGraceMs, expire));
  }
  return timers;
}
