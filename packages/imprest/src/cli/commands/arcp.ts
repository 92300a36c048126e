import { ImprestError } from "@imprest/core";
import { cancelJob } from "../arcp/cancel.ts";
import { diagnose } from "../arcp/doctor.ts";
import { listJobs } from "../arcp/list.ts";
import { printable } from "../printable.ts";
import { submitJob } from "../arcp/submit.ts";
import { watchJob } from "../arcp/watch.ts";
import { type Command, UsageError } from "../command.ts";
import { ExitCode } from "../exit-code.ts";

const help = `Usage: imprest arcp submit AGENT | list | watch JOB | cancel JOB | doctor  [options]

Talks to the ARCP runtime at --url URL or ARCP_URL, with the token in ARCP_TOKEN.

  --url URL              a wss: address; ws: on this machine, elsewhere only with --insecure
  --format text|json     json: one event, job or report a line on standard output

submit: sends a job and prints its id, or follows it to its end and prints its result
  --input JSON|@FILE     the agent's input; @- is standard input; --text takes it as plain text
  --budget USD:1.00      a ceiling on what the job may cost; may be repeated
  --allow CAPABILITY=PATTERN  e.g. tool.call=search.*; may be repeated
  --key KEY              the idempotency key: the same submit twice is one job
  --max-runtime SECONDS  after which the runtime ends the job
  --follow               show events, result to standard output; Ctrl-C cancels the job
  --ticket FILE          without --follow: keep there, secretly, what it takes to cancel the job

list: --status STATUS (may be repeated)  --agent AGENT  --after TIME  --limit N (100)
watch: shows a job from its beginning to its end; Ctrl-C leaves it running
cancel: --ticket FILE    of the submit; without it only what the runtime lets other sessions do
doctor: what the runtime was seen to do, which features it has; sends reads, changes nothing

Exit code: 0 succeeded, 1 the job did not succeed or something is wrong, 2 unusable input.
`;

const subcommands: Readonly<Record<string, Command["run"]>> = {
  submit: submitJob,
  list: listJobs,
  watch: watchJob,
  cancel: cancelJob,
  doctor: diagnose,
};

export const arcp: Command = {
  help,
  async run([name, ...rest], terminal) {
    const subcommand = name !== undefined && Object.hasOwn(subcommands, name) ? subcommands[name] : undefined;
    if (subcommand === undefined) throw new UsageError(`Say what to do: ${Object.keys(subcommands).join(", ")}.`);
    try {
      return await subcommand(rest, terminal);
    } catch (error) {
      if (!ImprestError.isInstance(error) || terminal.signal.aborted) throw error;
      // It may repeat what the runtime said.
      terminal.warn(`imprest arcp ${name}: ${printable(error.message)}\n`);
      return ExitCode.unusable;
    }
  },
};
