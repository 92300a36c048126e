import { Secret } from "@imprest/core/internal";
import type { AgentEntry } from "@imprest/core/models/arcp";
import { type Frame, isObject, textOf } from "./frame.ts";

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

/** Reads `session.welcome` in the three dialects; `undefined` when it names no session. */
export function readWelcome({ session_id, payload }: Frame, offered: readonly string[]): Welcome | undefined {
  const sessionId = textOf(session_id) ?? textOf(payload["session_id"]);
  if (sessionId === undefined) return undefined;
  const runtime = isObject(payload["runtime"]) ? payload["runtime"] : {};
  const capabilities = isObject(payload["capabilities"]) ? payload["capabilities"] : {};
  const theirs = Array.isArray(capabilities["features"]) ? capabilities["features"] : [];
  const features = new Set(offered.filter((feature) => theirs.includes(feature)));
  const token = textOf(payload["resume_token"]);
  const window = payload["resume_window_sec"];
  const interval = payload["heartbeat_interval_sec"];
  return {
    sessionId,
    runtime: { name: textOf(runtime["name"]) ?? "unknown", version: textOf(runtime["version"]) ?? "unknown" },
    resumeToken: token === undefined ? undefined : new Secret(token),
    resumeWindowMs: typeof window === "number" && window >= 0 ? window * 1000 : assumedWindowMs,
    heartbeatMs:
      features.has("heartbeat") && typeof interval === "number" && interval > 0
        ? Math.max(interval * 1000, shortestHeartbeatMs)
        : undefined,
    features,
    agents: readAgents(capabilities["agents"]),
  };
}

/** Both shapes: objects, and bare names where versions are not negotiated. */
function readAgents(agents: unknown): AgentEntry[] {
  if (!Array.isArray(agents)) return [];
  return agents.flatMap((entry: unknown): AgentEntry[] => {
    if (typeof entry === "string") return [{ name: entry, versions: [] }];
    const name = isObject(entry) ? textOf(entry["name"]) : undefined;
    if (name === undefined || !isObject(entry)) return [];
    const versions = Array.isArray(entry["versions"])
      ? entry["versions"].filter((item) => typeof item === "string")
      : [];
    const fallback = textOf(entry["default"]);
    return [{ name, versions, ...(fallback !== undefined && { default: fallback }) }];
  });
}
