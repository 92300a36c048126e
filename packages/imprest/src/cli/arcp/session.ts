import {
  type ArcpSession,
  type ConnectTarget,
  type SessionTicket,
  connect,
  isConfidentialUrl,
  parseAgentReference,
} from "@imprest/arcp";
import { UsageError, type Values, textOf } from "../command.ts";
import type { Terminal } from "../terminal.ts";
import { printable } from "../printable.ts";

/** The options of every subcommand that talks to a runtime. */
export const sessionOptions = {
  url: { type: "string" },
  insecure: { type: "boolean" },
  format: { type: "string" },
} as const;

/** Where the runtime is, and the credentials that it asks for. */
export interface Access {
  readonly url: URL;
  readonly token: string;
  readonly allowInsecure: boolean;
}

/** Reads `--url` or ARCP_URL, and ARCP_TOKEN. @throws UsageError naming what is missing. */
export function readAccess(values: Values, { environment }: Terminal): Access {
  const given = textOf(values, "url") ?? environment["ARCP_URL"];
  if (!given) throw new UsageError("Say where the runtime is: --url wss://host/arcp, or set ARCP_URL.");
  if (!/^wss?:/.test(given) || !URL.canParse(given)) {
    throw new UsageError("The runtime's address must be a wss: or ws: URL, such as wss://host/arcp.");
  }
  const url = new URL(given);
  const allowInsecure = values["insecure"] === true;
  if (!allowInsecure && !isConfidentialUrl(url)) {
    throw new UsageError(`The token would travel to ${url.host} in the clear; use wss:, or add --insecure.`);
  }
  const token = environment["ARCP_TOKEN"];
  if (!token) throw new UsageError("Set ARCP_TOKEN to the runtime's bearer token; it is not taken as an argument.");
  return { url, token, allowInsecure };
}

/** A pager that is left alone for the night is no stalled reader. */
const stallTimeoutMs = 12 * 3_600_000;

/** What a session may be opened with. */
export interface OpenOptions {
  /** Shows a line about the connection; on standard error by default. */
  readonly tell?: (line: string) => void;
  /** Goes on with a session that was left. */
  readonly resume?: SessionTicket | undefined;
  /** Where to connect instead of `access.url`. */
  readonly target?: ConnectTarget;
}

/** Opens a session, and prints what becomes of its connection. @throws as `connect`. */
export async function openSession(access: Access, terminal: Terminal, options: OpenOptions = {}): Promise<ArcpSession> {
  const { resume, target = access.url, tell = (line) => terminal.warn(`${line}\n`) } = options;
  const { token, allowInsecure } = access;
  const client = { name: "imprest-cli", version: "0.1.0" };
  const { signal } = terminal;
  const session = await connect(target, { token, allowInsecure, client, resume, stallTimeoutMs, signal });
  session.on("warning", ({ code, message }) => tell(`warning ${printable(`${code}: ${message}`)}`));
  session.on("state", ({ state }) => {
    if (state === "suspended") tell("The connection is lost; trying again.");
  });
  return session;
}

/** @throws UsageError for what is no agent. */
export function readAgent(text: string | undefined): string {
  if (text !== undefined && parseAgentReference(text) !== undefined) return text;
  throw new UsageError("Name an agent, such as researcher or researcher@1.0.0.");
}

/** @throws UsageError when there is none. */
export function readJobId(text: string | undefined): string {
  if (text !== undefined && text !== "") return text;
  throw new UsageError("Name a job by its id; imprest arcp list shows them.");
}
