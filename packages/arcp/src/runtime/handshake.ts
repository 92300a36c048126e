import { ValidationError } from "@imprest/core";
import { parseWire } from "@imprest/core/internal";
import {
  type ArcpEnvelope,
  arcpFeatures,
  type ResumeRequest,
  type SessionHello,
  sessionHello,
  sessionResume,
} from "@imprest/core/models/arcp";
import { arcpFailure, toWireFailure } from "./failure.ts";
import type { RuntimeSettings } from "./options.ts";
import type { OutgoingPayload } from "./dialects/dialect.ts";
import type { RuntimeCore } from "./runtime-core.ts";
import { type ClientReading, draft } from "./readings/reading.ts";
import { readingOf } from "./readings/of-client.ts";
import type { RuntimeSession } from "./session.ts";
import type { SessionLine } from "./session-line.ts";

/** A connection that carries no session yet, or one that was just opened. */
export interface OpeningLine extends SessionLine {
  readonly open: boolean;
  readonly session: RuntimeSession | undefined;
  /** Sends a frame that belongs to no session. */
  sendBare(type: string, payload: OutgoingPayload): void;
  /** The session is served on this line from here on. */
  opened(session: RuntimeSession): void;
  /** The welcome went out: events may follow. */
  admit(): void;
}

/** The first frame of a connection, and a `session.resume` after it (ARCP §6.2, §6.3). */
export async function shakeHands(core: RuntimeCore, line: OpeningLine, envelope: ArcpEnvelope): Promise<void> {
  const { dialect } = core.settings;
  const isResume = envelope.type === "session.resume";
  // What a reference runtime does with it: no answer at all.
  if (isResume && !dialect.takesSessionResume) return;
  try {
    if (isResume) await resumeByMessage(core, line, envelope.payload);
    else if (envelope.type === "session.hello") await greet(core, line, envelope.payload);
    else throw arcpFailure("UNAUTHENTICATED", "The first frame is session.hello (ARCP §6.2).");
  } catch (error) {
    const known = ValidationError.isInstance(error) ? arcpFailure("INVALID_REQUEST", error.message) : error;
    const failure = { ...toWireFailure(known), request_id: envelope.id };
    const { refusal } = isResume ? draft : readingFor(core.settings, envelope.payload);
    if (refusal === "echo") line.sendBare("job.error", { final_status: "error", ...failure });
    else line.sendBare("session.error", failure);
    if (dialect.closesAfterRefusal) line.close("The handshake was refused.");
  }
}

async function greet(core: RuntimeCore, line: OpeningLine, payload: unknown): Promise<void> {
  const hello = parseWire(sessionHello, payload, "session.hello");
  const principal = await authenticate(core.settings, hello.auth);
  if (!line.open) return;
  const features = new Set(hello.capabilities?.features ?? []);
  const reading = readingFor(core.settings, payload);
  const asked = hello.resume ?? (await resumeByToken(core, payload));
  const session = asked === undefined ? core.sessions.open(principal) : await resume(core, line, principal, asked);
  session.reading = reading;
  await welcome(core, line, session, features, asked?.last_event_seq ?? 0);
}

/**
 * `session.resume` as the first frame brings its own `auth`; after a `session.hello` it takes the place of the session
 * that was just opened.
 */
async function resumeByMessage(core: RuntimeCore, line: OpeningLine, payload: unknown): Promise<void> {
  const request = parseWire(sessionResume, payload, "session.resume");
  const { session: fresh } = line;
  if (fresh !== undefined && (fresh.submitted.size > 0 || fresh.lastSeq > 0)) {
    throw arcpFailure("INVALID_REQUEST", "This connection already serves a session with jobs; resume on a new one.");
  }
  const principal = fresh?.principal ?? (await authenticate(core.settings, request.auth));
  if (!line.open) return;
  const session = await resume(core, line, principal, request);
  const features = fresh?.features ?? session.features;
  session.reading = fresh?.reading ?? session.reading;
  if (fresh !== undefined && fresh !== session) core.sessions.end(fresh);
  await welcome(core, line, session, features, request.last_event_seq);
}

/** The reference runtimes' habits are shown to every client alike. */
function readingFor({ options }: RuntimeSettings, hello: unknown): ClientReading {
  return options.dialect === undefined ? readingOf(hello, options.clientOf) : draft;
}

/** One library resumes by members of the hello itself, and does not say which session. */
async function resumeByToken({ sessions }: RuntimeCore, payload: unknown): Promise<ResumeRequest | undefined> {
  const { resume_token: token, last_event_seq: last } = payload as Readonly<Record<string, unknown>>;
  if (typeof token !== "string") return undefined;
  const session_id = (await sessions.findByToken(token))?.id ?? "";
  return {
    session_id,
    resume_token: token,
    last_event_seq: Number.isSafeInteger(last) ? Math.max(0, Number(last)) : 0,
  };
}

async function authenticate(settings: RuntimeSettings, auth: SessionHello["auth"] | undefined): Promise<string> {
  let principal: string | undefined;
  if (auth?.scheme === "bearer") {
    try {
      principal = await settings.options.authenticate(auth.token);
    } catch (error) {
      settings.logger.error("authentication failed", { error: toWireFailure(error).message });
    }
  }
  if (principal === undefined || principal === "") throw arcpFailure("UNAUTHENTICATED", "Unknown bearer token.");
  return principal;
}

async function resume(
  { sessions, settings }: RuntimeCore,
  line: OpeningLine,
  principal: string,
  request: ResumeRequest,
): Promise<RuntimeSession> {
  const session = await sessions.findForResume(request.session_id, request.resume_token);
  const { dialect } = settings;
  // One answer for every reason, so that nothing is learnt about other principals' sessions.
  const refused = arcpFailure(dialect.resumeRefusal, "The session cannot be resumed: unknown, expired, or not yours.");
  if (session === undefined) {
    if (dialect.failedResumeForgetsSession) sessions.forget(request.session_id);
    throw refused;
  }
  if (dialect.checksResumePrincipal && session.principal !== principal) throw refused;
  const isCaughtUp = request.last_event_seq === session.lastSeq && session.lastSeq > 0;
  if (!session.covers(request.last_event_seq) || (isCaughtUp && !dialect.resumesCaughtUp)) {
    throw arcpFailure("RESUME_WINDOW_EXPIRED", "The buffer does not reach back to last_event_seq.");
  }
  if (session.holdsSecrets && !line.confidential) {
    throw arcpFailure("PERMISSION_DENIED", "The session holds credentials; resume it over an encrypted connection.");
  }
  return session;
}

/** Everything this runtime can do on this connection. */
function offered({ credentials }: RuntimeCore, { confidential }: OpeningLine): readonly string[] {
  const canIssue = credentials !== undefined && confidential;
  return arcpFeatures.filter((feature) => feature !== "provisioned_credentials" || canIssue);
}

async function welcome(
  core: RuntimeCore,
  line: OpeningLine,
  session: RuntimeSession,
  wanted: ReadonlySet<string>,
  lastSeq: number,
): Promise<void> {
  const { settings } = core;
  const all = offered(core, line);
  session.features = new Set(all.filter((feature) => wanted.has(feature)));
  session.resumeToken = settings.identifiers.token("rt");
  if (core.journal !== undefined) {
    await core.journal.session(session);
    if (!line.open) {
      if (session.line === undefined) core.sessions.dropped(session);
      return;
    }
  }
  const older = session.line;
  core.sessions.taken(session);
  session.attach(line, lastSeq);
  if (older !== line) older?.close("The session was resumed on another connection.");
  line.opened(session);
  session.send("session.welcome", {
    session_id: session.id,
    runtime: { name: settings.options.name ?? "imprest", version: settings.options.version ?? "1.1.0" },
    resume_token: session.resumeToken,
    resume_window_sec: Math.floor(settings.resumeWindowMs / 1000),
    ...(session.features.has("heartbeat") ? { heartbeat_interval_sec: settings.heartbeatIntervalMs / 1000 } : {}),
    capabilities: {
      encodings: ["json"],
      features: settings.dialect.welcomesIntersection ? [...session.features] : all,
      agents: core.agents.inventory(session.features.has("agent_versions")),
    },
  });
  line.admit();
  session.flush();
}
