import type { SessionState } from "./connection.ts";
import type { Hole } from "./sequence.ts";

/** What a session tells, by name. */
export interface SessionEvents {
  state: { readonly state: SessionState; readonly cause?: unknown };
  /** Something a runtime should not do, or the caller should know; nothing was lost because of it. */
  warning: { readonly code: string; readonly message: string };
  /** Events that the runtime could not replay; every running job's stream holds the notice as well. */
  gap: Hole;
  /** Each frame, without its secrets. */
  frame: { readonly direction: "in" | "out"; readonly frame: unknown };
}
