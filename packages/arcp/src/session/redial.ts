import { ConnectionError, TimeoutError } from "@imprest/core";
import { sleep } from "@imprest/core/internal";
import { ArcpError } from "../errors.ts";
import type { Attempts } from "./attempts.ts";
import type { ResumePoint } from "./handshake.ts";
import type { Settings } from "./options.ts";
import type { ReadHold } from "./read-hold.ts";
import type { SessionTicket } from "./ticket.ts";

/** Whether there is sense in another attempt after one that failed. */
export type Sense = "none" | "later" | "at once";

/** How a lost connection is made again. */
export interface Redialling {
  readonly settings: Settings;
  readonly attempts: Attempts;
  readonly hold: ReadHold;
  /** The session has ended. */
  readonly stopped: AbortSignal;
  windowMs(): number;
  /** Makes a connection; resolves once it stands. */
  attempt(): Promise<void>;
  senseAfter(error: unknown): Sense;
}

/**
 * Tries until a connection stands, the window has passed, or there is no sense in it.
 * @returns `undefined` when one stands or the session has ended meanwhile; else the last failure.
 */
export async function redial(to: Redialling): Promise<{ readonly cause: unknown } | undefined> {
  const { settings, attempts, hold, stopped } = to;
  const { clock, backOff } = settings;
  let since = clock.monotonic();
  let cause: unknown;
  let sense: Sense = "later";
  while (clock.monotonic() - since <= to.windowMs()) {
    if (sense === "later") {
      // Rejects when the session ends.
      const waited = sleep(clock, Math.min(backOff(attempts.next()), to.windowMs()), stopped).then(() => true);
      if (!(await waited.catch(() => false))) return undefined;
    }
    if (hold.ended !== undefined) {
      await hold.ended;
      // Consumers took that time, not the runtime; whether it still has the session is for it to say.
      since = clock.monotonic();
    }
    try {
      await to.attempt();
      return undefined;
    } catch (error) {
      if (stopped.aborted) return undefined;
      cause = error;
      sense = to.senseAfter(error);
      if (sense === "none") break;
    }
  }
  return { cause };
}

/**
 * Makes the first connection; where the runtime cannot be reached, or says that it cannot take anybody now, again and again
 * for `waitForMs`.
 * @throws what the last attempt failed with.
 */
export async function dialPatiently(to: Redialling, waitForMs: number): Promise<void> {
  const { settings, attempts, stopped } = to;
  const { clock, backOff } = settings;
  const end = clock.monotonic() + waitForMs;
  for (;;) {
    try {
      return await to.attempt();
    } catch (error) {
      const left = end - clock.monotonic();
      if (left <= 0 || !settings.redial || !mayPass(error)) throw error;
      await sleep(clock, Math.min(backOff(attempts.next()), left), stopped);
    }
  }
}

function mayPass(error: unknown): boolean {
  if (error instanceof ArcpError) return error.retryable;
  return error instanceof ConnectionError || error instanceof TimeoutError;
}

/** Resumes behind `last`. One runtime refuses a client that has missed nothing; it takes the number before. */
export async function resumeAt(
  ticket: SessionTicket | undefined,
  last: number,
  attempt: (resume: ResumePoint | undefined) => Promise<void>,
): Promise<void> {
  if (ticket === undefined) return attempt(undefined);
  try {
    await attempt({ ticket, last });
  } catch (error) {
    if (!(error instanceof ArcpError) || error.errorCode !== "RESUME_WINDOW_EXPIRED" || last === 0) throw error;
    await attempt({ ticket, last: last - 1 });
  }
}
