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
import type { Connection } from "./connection.ts";
import { arcpFailure, toWireFailure } from "./failure.ts";
import type { RuntimeSession } from "./session.ts";

/** The first frame of a connection, and a `session.resume` after it (ARCP §6.2, §6.3). */
export async function shakeHands(connection: Connection, envelope: ArcpEnvelope): Promise<void> {
  const { dialect } = connection.core.settings;
  const isResume = envelope.type === "session.resume";
  // What a reference runtime does with it: no answer at all (T-31).
  if (isResume && !dialect.takesSessionResume) return;
  try {
    if (isResume) await resumeByMessage(connection, envelope.payload);
    else if (envelope.type === "session.hello") await greet(connection, envelope.payload);
    else throw arcpFailure("UNAUTHENTICATED", "The first frame is session.hello (ARCP §6.2).");
  } catch (error) {
    const known = ValidationError.isInstance(error) ? arcpFailure("INVALID_REQUEST", error.message) : error;
    connection.sendBare("session.error", { ...toWireFailure(known), request_id: envelope.id });
    if (dialect.closesAfterRefusal) connection.close("The handshake was refused.");
  }
}

async function greet(connection: Connection, payload: unknown): Promise<void> {
  const hello = parseWire(sessionHello, payload, "session.hello");
  const principal = await authenticate(connection, hello.auth);
  if (!connection.open) return;
  const features = new Set(hello.capabilities?.features ?? []);
  if (hello.resume !== undefined) {
    welcome(connection, resume(connection, principal, hello.resume), features, hello.resume.last_event_seq);
    return;
  }
  welcome(connection, connection.core.sessions.open(principal), features, 0);
}

/**
 * `session.resume` as the first frame brings its own `auth`; after a `session.hello` it takes the place of the session
 * that was just opened.
 */
async function resumeByMessage(connection: Connection, payload: unknown): Promise<void> {
  const request = parseWire(sessionResume, payload, "session.resume");
  const { session: fresh } = connection;
  if (fresh !== undefined && (fresh.submitted.size > 0 || fresh.lastSeq > 0)) {
    throw arcpFailure("INVALID_REQUEST", "This connection already serves a session with jobs; resume on a new one.");
  }
  const principal = fresh?.principal ?? (await authenticate(connection, request.auth));
  if (!connection.open) return;
  const session = resume(connection, principal, request);
  const features = fresh?.features ?? session.features;
  if (fresh !== undefined && fresh !== session) connection.core.sessions.end(fresh);
  welcome(connection, session, features, request.last_event_seq);
}

async function authenticate(connection: Connection, auth: SessionHello["auth"] | undefined): Promise<string> {
  const { settings } = connection.core;
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

function resume(connection: Connection, principal: string, request: ResumeRequest): RuntimeSession {
  const { sessions, settings } = connection.core;
  const session = sessions.findForResume(request.session_id, request.resume_token);
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
  if (session.holdsSecrets && !connection.transport.confidential) {
    throw arcpFailure("PERMISSION_DENIED", "The session holds credentials; resume it over an encrypted connection.");
  }
  return session;
}

/** Everything this runtime can do on this connection. */
function offered(connection: Connection): readonly string[] {
  const canIssue = connection.core.credentials !== undefined && connection.transport.confidential;
  return arcpFeatures.filter((feature) => feature !== "provisioned_credentials" || canIssue);
}

function welcome(connection: Connection, session: RuntimeSession, wanted: ReadonlySet<string>, lastSeq: number): void {
  const { core } = connection;
  const { settings } = core;
  const all = offered(connection);
  session.features = new Set(all.filter((feature) => wanted.has(feature)));
  session.resumeToken = settings.identifiers.token("rt");
  const older = session.connection;
  core.sessions.taken(session);
  session.attach(connection, lastSeq);
  if (older !== connection) older?.close("The session was resumed on another connection.");
  connection.opened(session);
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
  connection.welcomed = true;
  session.flush();
}
