import type { SessionEndedError } from "../errors.ts";
import type { Frame } from "../frame/frame.ts";
import type { Hole } from "../frame/sequence.ts";

/** Where a session stands. */
export type SessionState = "connecting" | "live" | "suspended" | "resuming" | "closing" | "closed" | "failed";

/** What a connection reports to the session above it. */
export interface ConnectionHooks {
  /** A frame, each once; numbered ones in order. */
  frame(frame: Frame, size: number): void;
  /** Connected. `resumed`: what was missed follows. Otherwise the session is a new one, which counts from 1. */
  live(resumed: boolean): void;
  /** The connection is gone, and is being made again. */
  down(): void;
  /** The session is over. */
  ended(error: SessionEndedError): void;
  /** The runtime cannot bring these events any more. */
  gap(hole: Hole): void;
  state(state: SessionState, cause?: unknown): void;
  warning(code: string, message: string): void;
  /** A frame is about to be sent, or came. */
  watch(direction: "in" | "out", text: string): void;
}
