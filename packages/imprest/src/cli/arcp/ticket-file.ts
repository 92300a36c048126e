import { open, rm, writeFile } from "node:fs/promises";
import type { SessionTicket } from "@imprest/arcp";
import { Secret } from "@imprest/core/internal";
import { UsageError } from "../command.ts";
import { readText } from "../read-text.ts";
import type { Terminal } from "../terminal.ts";

/** A file that will hold a ticket. */
export interface TicketFile {
  /** Writes the newest ticket. */
  keep(ticket: SessionTicket): Promise<void>;
  /** Takes the empty file away. */
  discard(): Promise<void>;
}

/** Creates a file that only its owner can read. @throws UsageError when there is one of that name; what `open` throws. */
export async function createTicketFile(path: string): Promise<TicketFile> {
  try {
    await (await open(path, "wx", 0o600)).close();
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === "EEXIST")) throw error;
    throw new UsageError(`${path} is there already; a ticket needs a file of its own.`, { cause: error });
  }
  return { keep: (ticket) => keep(path, ticket), discard: () => rm(path, { force: true }) };
}

/** Reads a ticket that was kept. @throws UsageError for a file that holds none. */
export async function openTicketFile(
  path: string,
  terminal: Terminal,
): Promise<{ readonly value: SessionTicket; readonly keep: TicketFile["keep"] }> {
  let json: unknown;
  try {
    json = JSON.parse(await readText(path, terminal));
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    throw new UsageError(`${path} is no ticket.`, { cause: error });
  }
  const { sessionId, resumeToken, lastEventSeq, jobs } = (json ?? {}) as Record<string, unknown>;
  if (typeof sessionId !== "string" || typeof resumeToken !== "string" || !Number.isSafeInteger(lastEventSeq)) {
    throw new UsageError(`${path} is no ticket; imprest arcp submit --ticket FILE makes one.`);
  }
  const value: SessionTicket = {
    sessionId,
    resumeToken: new Secret(resumeToken),
    lastEventSeq: lastEventSeq as number,
    // A ticket of an earlier version names none: the runtime is asked.
    ...(Array.isArray(jobs) && { jobs: jobs.filter((id) => typeof id === "string") }),
  };
  return { value, keep: (ticket) => keep(path, ticket) };
}

async function keep(path: string, ticket: SessionTicket): Promise<void> {
  await writeFile(path, `${JSON.stringify({ ...ticket, resumeToken: ticket.resumeToken.reveal() })}\n`);
}
