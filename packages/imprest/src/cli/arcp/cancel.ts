import type { ArcpJob, ArcpSession } from "@imprest/arcp";
import { ImprestError } from "@imprest/core";
import { stringifyJson } from "@imprest/core/internal";
import { type Command, formatOf, readArguments, textOf } from "../command.ts";
import { ExitCode } from "../exit-code.ts";
import { printable } from "../printable.ts";
import { openSession, readAccess, readJobId, sessionOptions } from "./session.ts";
import { openTicketFile } from "./ticket-file.ts";

/** How long a runtime may take to answer, and then a job to wind up, in milliseconds. */
const patienceMs = 10_000;

/** `imprest arcp cancel`. Only the session that submitted a job may cancel it (ARCP §7.4): the ticket goes on with it. */
export const cancelJob: Command["run"] = async (args, terminal) => {
  const { values, positionals } = readArguments(args, { ...sessionOptions, ticket: { type: "string" } }, 1);
  const format = formatOf(values);
  const access = readAccess(values, terminal);
  const jobId = readJobId(positionals[0]);
  const path = textOf(values, "ticket");
  const ticket = path === undefined ? undefined : await openTicketFile(path, terminal);
  const session = await openSession(access, terminal, { resume: ticket?.value });
  try {
    const job = await handleOf(session, jobId);
    const refusal = await cancelAndWait(job, "cancelled by the user");
    const { status } = job;
    if (format === "json") await terminal.write(`${stringifyJson({ jobId, status, refusal })}\n`);
    else if (refusal === undefined) terminal.warn(`Job ${printable(jobId)}: ${printable(status)}\n`);
    else terminal.warn(`Job ${printable(jobId)} was not cancelled: ${refusal}${path === undefined ? hint : ""}\n`);
    return status === "cancelled" ? ExitCode.clean : ExitCode.findings;
  } finally {
    // Each resume renews the token; the session stays, for its other jobs.
    const newest = ticket && session.detach();
    if (newest !== undefined) await ticket?.keep(newest);
    await session.close();
  }
};

const hint = " Only the session that submitted it may; submit with --ticket FILE and give it here.";

/** A session that was resumed has no handle of a job that sent nothing new; a subscription makes one. */
async function handleOf(session: ArcpSession, jobId: string): Promise<ArcpJob> {
  if (session.job(jobId) === undefined) await session.subscribe(jobId);
  const job = session.job(jobId);
  if (job === undefined) throw new Error(`the runtime subscribed to another job than ${printable(jobId)}`);
  return job;
}

/** Cancels a job and waits for its end. @returns why that could not be had; `undefined` when the job is over. */
export async function cancelAndWait(job: ArcpJob, reason: string): Promise<string | undefined> {
  try {
    await job.cancel(reason, { timeoutMs: patienceMs });
    await job.outcome({ timeoutMs: patienceMs });
    return undefined;
  } catch (error) {
    if (!ImprestError.isInstance(error)) throw error;
    return printable(error.message);
  }
}
