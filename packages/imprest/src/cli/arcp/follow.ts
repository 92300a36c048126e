import { createHash } from "node:crypto";
import type { ArcpEvent, JobOutcome, JobView } from "@imprest/arcp";
import { ImprestError } from "@imprest/core";
import { createDeferred, onAbort, stringifyJson } from "@imprest/core/internal";
import { ExitCode } from "../exit-code.ts";
import type { Terminal } from "../terminal.ts";
import { budgetLeft, describeEvent, progressBar, spent } from "./describe.ts";
import { printable } from "../printable.ts";
import type { Screen } from "./screen.ts";

/** How a job is followed. */
export interface FollowOptions {
  readonly terminal: Terminal;
  readonly screen: Screen;
  readonly format: "text" | "json";
  /**
   * What to do when the user asks to stop. @returns an exit code to leave with, or `undefined` when the job's end is
   * known by now.
   */
  readonly interrupted: () => Promise<number | undefined>;
}

/** Shows a job until it ends. @returns the exit code. */
export async function follow(job: JobView, options: FollowOptions): Promise<number> {
  const { terminal, screen, format } = options;
  const shown = format === "json" ? printEvents(job, terminal) : showAll(job, screen);
  const stopped = createDeferred<number | undefined>();
  const stopListening = onAbort(terminal.signal, () => {
    options.interrupted().then(stopped.resolve, stopped.reject);
  });
  try {
    // A failure of what is shown is reported once the job's own end is known.
    const code = await Promise.race([shown.catch(() => undefined), stopped.promise]);
    if (typeof code === "number") return code;
    const outcome = await job.outcome();
    // After an interruption output may be held up for ever; only a result is worth the wait.
    const digest = outcome.status === "success" ? await shown : undefined;
    if (format === "json") await terminal.write(`${stringifyJson(outcomeLine(job, outcome))}\n`);
    return conclude(job, outcome, digest, screen);
  } catch (error) {
    if (!ImprestError.isInstance(error)) throw error;
    screen.end();
    screen.line(`Job ${printable(job.id)}: ${printable(error.message)}`);
    return ExitCode.findings;
  } finally {
    stopListening();
    screen.end();
  }
}

/** @returns the SHA-256 of the chunks, which a stream cannot check by itself. */
async function showAll(job: JobView, screen: Screen): Promise<string | undefined> {
  const [digest] = await Promise.all([copyResult(job, screen), showEvents(job, screen)]);
  return digest;
}

async function copyResult(job: JobView, screen: Screen): Promise<string> {
  const hash = createHash("sha256");
  let last = 0x0a;
  for await (const bytes of job.stream()) {
    hash.update(bytes);
    last = bytes.at(-1) ?? last;
    await screen.output(bytes);
  }
  // Chunks stay as they are; an inline value is a line.
  const outcome = await job.outcome();
  const isInline = outcome.status === "success" && outcome.resultId === undefined;
  if (isInline && last !== 0x0a) await screen.output(Uint8Array.of(0x0a));
  return hash.digest("hex");
}

async function showEvents(job: JobView, screen: Screen): Promise<void> {
  let progress = "";
  for await (const event of job) {
    if (event.kind === "progress") {
      const { current, total, units } = event.body;
      progress = progressBar(current, total ?? undefined, units ?? undefined);
    }
    screen.status([progress, budgetLeft(job.budget)].filter(Boolean).join("  "));
    const line = describeEvent(event);
    if (line !== undefined) screen.line(line);
  }
}

async function printEvents(job: JobView, terminal: Terminal): Promise<undefined> {
  // The chunks are among the events, so nobody has to keep them. A job that failed already has nothing to cancel.
  job
    .stream()
    .cancel()
    .catch(() => {});
  for await (const event of job) await terminal.write(`${stringifyJson(eventLine(event))}\n`);
}

function eventLine({ jobId, seq, ts, kind, body, raw }: ArcpEvent): object {
  return { jobId, seq, ts, kind: kind === "unknown" ? (raw["kind"] ?? kind) : kind, body };
}

function outcomeLine(job: JobView, outcome: JobOutcome): object {
  const end = outcome.status === "success" ? outcome : { status: outcome.status, error: outcome.error };
  const { id: jobId, costs, eventsMissing } = job;
  return { jobId, kind: "outcome", body: end, costs, eventsMissing };
}

function conclude(job: JobView, outcome: JobOutcome, digest: string | undefined, screen: Screen): number {
  screen.end();
  const money = [spent(job), budgetLeft(job.budget)].filter(Boolean).map((part) => `; ${part}`);
  const name = `Job ${printable(job.id)}`;
  if (outcome.status !== "success") {
    screen.line(`${name} ${endings[outcome.status]}${money.join("")}: ${printable(outcome.error.message)}`);
    return ExitCode.findings;
  }
  if (digest !== undefined && outcome.sha256 !== undefined && digest !== outcome.sha256.toLowerCase()) {
    screen.line(`${name} succeeded, but what came is not what its runtime announced: the SHA-256 differs.`);
    return ExitCode.findings;
  }
  const summary = outcome.summary === undefined ? "" : `: ${printable(outcome.summary)}`;
  screen.line(`${name} succeeded${money.join("")}${summary}`);
  return ExitCode.clean;
}

const endings = { error: "failed", cancelled: "was cancelled", timed_out: "ran out of time" } as const;
