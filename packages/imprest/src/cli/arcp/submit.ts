import { type ArcpJob, type ArcpSession, buildLease, parseBudgetAmount } from "@imprest/arcp";
import { parseJson, stringifyJson } from "@imprest/core/internal";
import {
  type Command,
  UsageError,
  type Values,
  formatOf,
  readArguments,
  textOf,
  textsOf,
  wholeOf,
} from "../command.ts";
import { ExitCode } from "../exit-code.ts";
import { readText } from "../read-text.ts";
import type { Terminal } from "../terminal.ts";
import { cancelAndWait } from "./cancel.ts";
import { type FollowOptions, follow } from "./follow.ts";
import { printable } from "../printable.ts";
import { Screen } from "./screen.ts";
import { openSession, readAccess, readAgent, sessionOptions } from "./session.ts";
import { type TicketFile, createTicketFile } from "./ticket-file.ts";

const text = { type: "string" } as const;
const list = { type: "string", multiple: true } as const;
const options = {
  ...sessionOptions,
  input: text,
  text,
  budget: list,
  allow: list,
  key: text,
  "max-runtime": text,
  follow: { type: "boolean" },
  ticket: text,
} as const;

/** `imprest arcp submit`. */
export const submitJob: Command["run"] = async (args, terminal) => {
  const { values, positionals } = readArguments(args, options, 1);
  const format = formatOf(values);
  const access = readAccess(values, terminal);
  const follows = values["follow"] === true;
  const ticketPath = textOf(values, "ticket");
  if (follows && ticketPath !== undefined) {
    throw new UsageError("--ticket is for a job that is not followed; Ctrl-C cancels one that is.");
  }
  const request = {
    agent: readAgent(positionals[0]),
    input: await readInput(values, terminal),
    lease: readLease(values),
    idempotencyKey: textOf(values, "key"),
    maxRuntimeSec: wholeOf(values, "max-runtime", 1e9),
  };
  const screen = new Screen(terminal);
  const session = await openSession(access, terminal, { tell: (line) => screen.line(line) });
  try {
    // Made before the job, so that no job runs whose ticket cannot be kept.
    const ticket = ticketPath === undefined ? undefined : await createTicketFile(ticketPath);
    // Without the signal: a submit that is under way must not leave a job behind that nobody cancels.
    const job = await session.submit(request).catch(async (error: unknown) => {
      await ticket?.discard();
      throw error;
    });
    if (follows || terminal.signal.aborted) return await followOwn(job, { terminal, screen, format });
    // The id first: whatever becomes of the ticket, the job runs.
    await terminal.write(format === "json" ? `${stringifyJson(acceptedLine(job))}\n` : `${job.id}\n`);
    return ticket === undefined ? ExitCode.clean : await leave(session, ticket, terminal);
  } finally {
    await session.close();
  }
};

/** Leaves the session to whoever has the ticket. */
async function leave(session: ArcpSession, ticket: TicketFile, terminal: Terminal): Promise<number> {
  const newest = session.detach();
  if (newest !== undefined) {
    await ticket.keep(newest);
    return ExitCode.clean;
  }
  await ticket.discard();
  terminal.warn("This runtime's sessions cannot be resumed, so there is no ticket; the job runs.\n");
  return ExitCode.findings;
}

async function followOwn(job: ArcpJob, options: Omit<FollowOptions, "interrupted">): Promise<number> {
  const { terminal, screen, format } = options;
  if (format === "json") await terminal.write(`${stringifyJson(acceptedLine(job))}\n`);
  else announce(job, screen);
  return follow(job, {
    ...options,
    async interrupted() {
      screen.line(`Interrupted: cancelling job ${printable(job.id)}.`);
      const refusal = await cancelAndWait(job, "interrupted by the user");
      if (refusal === undefined) return undefined;
      screen.line(`The job was not cancelled and may still run: ${refusal}`);
      return ExitCode.findings;
    },
  });
}

function announce(job: ArcpJob, screen: Screen): void {
  screen.line(`Job ${printable(job.id)} of ${printable(job.agent)}`);
  for (const { id, endpoint, value } of job.credentials) {
    screen.line(`credential ${printable(id)} for ${printable(endpoint)}: ${String(value)}`);
  }
}

function acceptedLine({ id, agent, lease, expiresAt, budget, credentials, traceId }: ArcpJob): object {
  const ceilings = Object.fromEntries(budget.currencies.map((currency) => [currency, budget.initial(currency)]));
  return {
    jobId: id,
    kind: "accepted",
    body: { agent, lease, expiresAt, traceId, budget: ceilings, credentials: credentials.toJSON() },
  };
}

/** `--input` is JSON, `--text` is text; `@FILE` is what the file holds. @throws UsageError. */
async function readInput(values: Values, terminal: Terminal): Promise<unknown> {
  const json = textOf(values, "input");
  const plain = textOf(values, "text");
  if (json !== undefined && plain !== undefined) throw new UsageError("Give --input or --text, not both.");
  if (plain !== undefined) return contentOf(plain, terminal);
  if (json === undefined) return undefined;
  try {
    return parseJson(await contentOf(json, terminal));
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    throw new UsageError("--input is not JSON; for plain text use --text.", { cause: error });
  }
}

async function contentOf(given: string, terminal: Terminal): Promise<string> {
  return given.startsWith("@") ? readText(given.slice(1), terminal) : given;
}

/** @throws UsageError for an amount or an option that cannot be read; ValidationError for a pattern. */
function readLease(values: Values): Record<string, string[]> | undefined {
  const budget = textsOf(values, "budget");
  for (const amount of budget) {
    if (parseBudgetAmount(amount) === undefined)
      throw new UsageError(`--budget "${amount}" is no amount; write USD:1.00.`);
  }
  const lease: Record<string, string[]> = {};
  for (const given of textsOf(values, "allow")) {
    const [, capability = "", pattern = ""] = /^([^=]+)=(.+)$/s.exec(given) ?? [];
    if (capability === "" || capability === "cost.budget")
      throw new UsageError(`--allow "${given}" must be CAPABILITY=PATTERN, such as tool.call=search.*`);
    lease[capability] = [...(lease[capability] ?? []), pattern];
  }
  if (budget.length === 0 && Object.keys(lease).length === 0) return undefined;
  return buildLease({ vendor: lease, ...(budget.length > 0 && { budget }) });
}
