import { Secret } from "@imprest/core/internal";
import type { AgentEntry } from "@imprest/core/models/arcp";
import type { Frame } from "../frame/frame.ts";
import { payloadOf } from "../frame/read.ts";

/** What a runtime said of itself and of the session (ARCP §6.2). */
export interface Welcome {
  readonly sessionId: string;
  readonly runtime: { readonly name: string; readonly version: string };
  readonly resumeToken: Secret | undefined;
  readonly resumeWindowMs: number;
  /** Absent when heartbeats were not negotiated. */
  readonly heartbeatMs: number | undefined;
  /** What both sides offer; nothing else may be used. */
  readonly features: ReadonlySet<string>;
  readonly agents: readonly AgentEntry[];
}

/** How long a runtime that does not say so is taken to keep a session. */
const assumedWindowMs = 60_000;
/** The unit of `heartbeat_interval_sec` and its least value: a runtime cannot make a client spin. */
const shortestHeartbeatMs = 1000;

/** Reads `session.welcome` in every dialect; `undefined` when it names no session. */
export function readWelcome(frame: Frame, offered: readonly string[]): Welcome | undefined {
  const told = payloadOf("session.welcome", frame);
  const sessionId = frame.session_id || told.session_id;
  if (!sessionId) return undefined;
  const theirs = told.capabilities?.features ?? [];
  const features = new Set(offered.filter((feature) => theirs.includes(feature)));
  const { runtime, resume_token: token, resume_window_sec: window, heartbeat_interval_sec: interval = 0 } = told;
  return {
    sessionId,
    runtime: { name: runtime?.name || "unknown", version: runtime?.version || "unknown" },
    resumeToken: token ? new Secret(token) : undefined,
    resumeWindowMs: window === undefined ? assumedWindowMs : window * 1000,
    heartbeatMs: features.has("heartbeat") && interval > 0 ? Math.max(interval * 1000, shortestHeartbeatMs) : undefined,
    features,
    // Bare names where versions are not negotiated.
    agents: (told.capabilities?.agents ?? []).map((agent) =>
      typeof agent === "string" ? { name: agent, versions: [] } : agent,
    ),
  };
}
