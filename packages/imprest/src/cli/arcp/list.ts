import { redactFrame } from "@imprest/arcp";
import { stringifyJson } from "@imprest/core/internal";
import { type Command, UsageError, formatOf, readArguments, textOf, textsOf, wholeOf } from "../command.ts";
import { ExitCode } from "../exit-code.ts";
import { printable } from "../printable.ts";
import { openSession, readAccess, sessionOptions } from "./session.ts";

const text = { type: "string" } as const;
const options = {
  ...sessionOptions,
  status: { type: "string", multiple: true },
  agent: text,
  after: text,
  limit: text,
} as const;

/** `imprest arcp list`. */
export const listJobs: Command["run"] = async (args, terminal) => {
  const { values } = readArguments(args, options, 0);
  const format = formatOf(values);
  const access = readAccess(values, terminal);
  const status = textsOf(values, "status");
  const after = textOf(values, "after");
  if (after !== undefined && Number.isNaN(Date.parse(after))) {
    throw new UsageError("--after must be a time, such as 2026-05-13T08:00:00Z.");
  }
  const request = {
    ...(status.length > 0 && { status }),
    agent: textOf(values, "agent"),
    createdAfter: after === undefined ? undefined : new Date(after),
    limit: wholeOf(values, "limit", 1_000_000) ?? 100,
    signal: terminal.signal,
  };
  const session = await openSession(access, terminal);
  try {
    for await (const job of session.listJobs(request)) {
      // What a runtime lists to the submitter may hold the job's credentials.
      const line = format === "json" ? stringifyJson({ ...job, raw: redactFrame(job.raw) }) : describe(job);
      await terminal.write(`${line}\n`);
    }
  } finally {
    await session.close();
  }
  return ExitCode.clean;
};

function describe(job: Readonly<Record<"jobId" | "status" | "agent", string> & { createdAt: string | undefined }>) {
  return [job.jobId, job.status.padEnd(9), job.createdAt ?? "-", job.agent].map(cell).join("  ");
}

function cell(text: string): string {
  return printable(text).padEnd(text.length);
}
