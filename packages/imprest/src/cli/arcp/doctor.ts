import { type ArcpSession, type ArcpTransport, ArcpError, openWebSocket } from "@imprest/arcp";
import { ImprestError, createIdempotencyKey } from "@imprest/core";
import { parseJson, stringifyJson } from "@imprest/core/internal";
import { arcpFeatures } from "@imprest/core/models/arcp";
import { type Command, UsageError, formatOf, readArguments } from "../command.ts";
import { ExitCode } from "../exit-code.ts";
import type { Terminal } from "../terminal.ts";
import { printable } from "../printable.ts";
import { type Access, openSession, readAccess, sessionOptions } from "./session.ts";

/** What was found out; a problem is the last thing. */
interface Diagnosis {
  readonly url?: string;
  readonly runtime?: ArcpSession["runtime"];
  /** What was seen of the runtime, a sentence each. */
  readonly observed?: readonly string[];
  readonly features?: readonly string[];
  readonly missing?: readonly string[];
  readonly agents?: readonly string[];
  readonly problem?: string;
}

/** `imprest arcp doctor`: one session, one listing, one subscription to a job that does not exist. */
export const diagnose: Command["run"] = async (args, terminal) => {
  const { values } = readArguments(args, sessionOptions, 0);
  const format = formatOf(values);
  const found = await examine(() => readAccess(values, terminal), terminal);
  await terminal.write(format === "json" ? `${stringifyJson(found)}\n` : describe(found));
  return found.problem === undefined ? ExitCode.clean : ExitCode.findings;
};

async function examine(read: () => Access, terminal: Terminal): Promise<Diagnosis> {
  let found: Diagnosis = {};
  try {
    const access = read();
    const { url } = access;
    // A query or a user in the address may be a secret.
    found = { url: `${url.protocol}//${url.host}${url.pathname}` };
    const seen = new Map<string, Frame>();
    const session = await openSession(access, terminal, { target: () => tapped(url, terminal.signal, seen) });
    try {
      found = { ...found, ...describeSession(session) };
      found = { ...found, observed: await observe(session, seen, terminal.signal) };
    } finally {
      await session.close();
    }
  } catch (error) {
    if (!ImprestError.isInstance(error) && !(error instanceof UsageError)) throw error;
    found = { ...found, problem: `${error.message}${advice(error)}` };
  }
  return found;
}

function advice(error: Error): string {
  if (ArcpError.isInstance(error) && error.errorCode === "UNAUTHENTICATED") return " Check ARCP_TOKEN.";
  return "";
}

function describeSession(session: ArcpSession): Pick<Diagnosis, "runtime" | "features" | "missing" | "agents"> {
  const { runtime, features, agents } = session;
  return {
    runtime,
    features: [...features],
    missing: arcpFeatures.filter((feature) => !features.has(feature)),
    agents: agents.flatMap(({ name, versions }) =>
      versions.length === 0 ? [name] : versions.map((version) => `${name}@${version}`),
    ),
  };
}

/** What the runtime was seen to do, by a listing and a subscription to a job that does not exist. @throws as the calls. */
async function observe(
  session: ArcpSession,
  seen: ReadonlyMap<string, Frame>,
  signal: AbortSignal,
): Promise<readonly string[]> {
  if (session.features.has("list_jobs")) await session.listJobs({ limit: 1, signal }).next();
  const refusal = session.features.has("subscribe") ? await provokeRefusal(session, seen, signal) : undefined;
  const welcome = seen.get("session.welcome")?.payload ?? {};
  const { resume_window_sec: window, heartbeat_interval_sec: beat } = welcome;
  return [
    typeof window === "number" ? `A lost session can be resumed for ${window} s.` : "No resume window is stated.",
    typeof beat === "number" ? `A heartbeat is expected every ${beat} s.` : "No heartbeat interval is stated.",
    ...(refusal === undefined ? [] : [describeRefusal(refusal)]),
  ];
}

/** A refusal by a numbered `job.error` looks like the end of a job, and one that names no request is matched by order. */
function describeRefusal({ type, payload }: Frame): string {
  const named = typeof payload["request_id"] === "string";
  return `A refused request is answered with ${type}, which ${named ? "names" : "does not name"} the request.`;
}

async function provokeRefusal(
  session: ArcpSession,
  seen: ReadonlyMap<string, Frame>,
  signal: AbortSignal,
): Promise<Frame | undefined> {
  try {
    const subscription = await session.subscribe(`job_none_${createIdempotencyKey()}`, { signal });
    subscription.unsubscribe();
    return undefined;
  } catch (error) {
    if (!ArcpError.isInstance(error)) throw error;
    return seen.get("job.error") ?? seen.get("session.error");
  }
}

function describe(found: Diagnosis): string {
  const lines: string[] = [];
  const ok = (text: string): number => lines.push(`ok     ${text}`);
  if (found.url !== undefined) ok(`the configuration is complete; the runtime is ${found.url}`);
  if (found.runtime !== undefined) {
    ok(`it answers and takes the token: ${printable(`${found.runtime.name} ${found.runtime.version}`)}`);
    ok(`features: ${found.features?.join(", ") || "none"}`);
    if (found.missing?.length) lines.push(`       without: ${found.missing.join(", ")}`);
    ok(`agents: ${found.agents?.map(printable).join(", ") || "none"}`);
  }
  for (const observation of found.observed ?? []) ok(observation);
  if (found.problem !== undefined) lines.push(`WRONG  ${printable(found.problem)}`);
  return `${lines.join("\n")}\n`;
}

interface Frame {
  readonly type: string;
  readonly payload: Readonly<Record<string, unknown>>;
}

/** A connection whose first frame of each type is kept: the client unifies how runtimes write. */
async function tapped(url: URL, signal: AbortSignal, seen: Map<string, Frame>): Promise<ArcpTransport> {
  const transport = await openWebSocket(url, undefined, signal);
  return {
    confidential: transport.confidential,
    closed: transport.closed,
    send: (text) => transport.send(text),
    close: (code, reason) => transport.close(code, reason),
    onMessage: (listener) =>
      transport.onMessage((text) => {
        keepFirst(text, seen);
        listener(text);
      }),
  };
}

function keepFirst(text: string, seen: Map<string, Frame>): void {
  try {
    const frame = parseJson(text);
    if (typeof frame !== "object" || frame === null || Array.isArray(frame)) return;
    const { type, payload } = frame;
    if (typeof type !== "string" || seen.has(type) || typeof payload !== "object" || payload === null) return;
    seen.set(type, { type, payload: payload as Frame["payload"] });
  } catch {
    // What is no JSON is the client's to complain about.
  }
}
