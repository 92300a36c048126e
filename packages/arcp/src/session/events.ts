import type { SessionState } from "./connection-hooks.ts";
import type { Hole } from "../frame/sequence.ts";

/** What a session emits, by name. */
export interface SessionEvents {
  state: { readonly state: SessionState; readonly cause?: unknown };
  /** Something a runtime should not do, or the caller should know; nothing was lost because of it. */
  warning: { readonly code: string; readonly message: string };
  /**
   * Events that the runtime could not replay. The stream of each job that they may belong to holds the notice as well: of
   * every running job, or, where a lost job's replay began too late, of that one, in the numbers of its own session.
   */
  gap: Hole;
  /** Each frame, without its secrets. */
  frame: { readonly direction: "in" | "out"; readonly frame: unknown };
}
