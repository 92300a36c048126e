import type { Timer } from "@imprest/core";
import { arcpFailure } from "./failure.ts";
import type { Journal } from "./journal.ts";
import type { RuntimeSettings } from "./options.ts";
import { RuntimeSession } from "./session.ts";
import { sha256Hex } from "./token-digest.ts";

/** The sessions there are: who may have how many, and how long each waits for its client. */
export class Sessions {
  readonly #settings: RuntimeSettings;
  readonly #journal: Journal | undefined;
  readonly #sessions = new Map<string, RuntimeSession>();
  readonly #windows = new Map<RuntimeSession, Timer>();
  readonly #idle = new Map<RuntimeSession, Timer>();

  constructor(settings: RuntimeSettings, journal: Journal | undefined) {
    this.#settings = settings;
    this.#journal = journal;
  }

  get size(): number {
    return this.#sessions.size;
  }

  /** @throws ProtocolError PERMISSION_DENIED when the principal has as many connected sessions as it may (ARCP §14). */
  open(principal: string): RuntimeSession {
    const own = [...this.#sessions.values()].filter((session) => session.principal === principal);
    if (own.length >= this.#settings.maxSessionsPerPrincipal) {
      const idle = own.find((session) => session.line === undefined && session.submitted.size === 0);
      if (idle === undefined) {
        throw arcpFailure("PERMISSION_DENIED", "Too many sessions; close one or let its resume window pass.", {
          details: { max_sessions: this.#settings.maxSessionsPerPrincipal },
        });
      }
      this.end(idle);
    }
    const session = new RuntimeSession(principal, this.#settings, { gate: this.#journal });
    this.#sessions.set(session.id, session);
    return session;
  }

  find(id: string): RuntimeSession | undefined {
    return this.#sessions.get(id);
  }

  /** Takes up a session of an earlier process: its window begins anew. */
  restore(session: RuntimeSession): void {
    this.#sessions.set(session.id, session);
    this.dropped(session);
  }

  async findForResume(id: string, token: string): Promise<RuntimeSession | undefined> {
    const session = this.#sessions.get(id);
    return session !== undefined && (await isTokenOf(session, token)) ? session : undefined;
  }

  /** For a client that names no session: its token alone says which. */
  async findByToken(token: string): Promise<RuntimeSession | undefined> {
    for (const session of this.#sessions.values()) if (await isTokenOf(session, token)) return session;
    return undefined;
  }

  /** Ends the session of that id, if there is one without a connection. */
  forget(id: string): void {
    const session = this.#sessions.get(id);
    if (session !== undefined && session.line === undefined) this.end(session);
  }

  /** A connection serves the session: its window stops. */
  taken(session: RuntimeSession): void {
    this.#windows.get(session)?.clear();
    this.#windows.delete(session);
    this.#watchIdleness(session, this.#settings.idleTimeoutMs);
  }

  /** The connection is gone: the session waits for its client, jobs go on (ARCP §6.4). */
  dropped(session: RuntimeSession): void {
    if (session.ended) return;
    session.detach();
    this.#idle.get(session)?.clear();
    this.#idle.delete(session);
    if (!this.#settings.dialect.jobsSurviveDrop) {
      for (const job of session.submitted) job.vanish();
    }
    const window = this.#settings.clock.setTimer(() => this.end(session), this.#settings.resumeWindowMs);
    this.#windows.set(session, window);
  }

  /** The session is over: its jobs go on without it, nothing can be resumed. */
  end(session: RuntimeSession): void {
    if (session.ended) return;
    this.#sessions.delete(session.id);
    for (const timers of [this.#windows, this.#idle]) {
      timers.get(session)?.clear();
      timers.delete(session);
    }
    for (const job of session.submitted) job.leave(session);
    for (const job of session.observed) job.leave(session);
    session.end();
    this.#journal?.forget(session.id);
  }

  endAll(): void {
    for (const session of this.#sessions.values()) this.end(session);
  }

  /** A session that only beats its heart costs memory for nothing (ARCP §14). */
  #watchIdleness(session: RuntimeSession, delayMs: number): void {
    const { clock, idleTimeoutMs } = this.#settings;
    this.#idle.get(session)?.clear();
    this.#idle.set(
      session,
      clock.setTimer(() => {
        const isBusy = session.submitted.size > 0 || session.observed.size > 0;
        const idleMs = isBusy ? 0 : clock.monotonic() - session.activeAtMs;
        if (idleMs < idleTimeoutMs) {
          this.#watchIdleness(session, idleTimeoutMs - idleMs);
          return;
        }
        session.send("session.bye", { reason: "idle" });
        const { line } = session;
        this.end(session);
        line?.close("idle");
      }, delayMs),
    );
  }
}

/** Of a session of an earlier process only the digest of its token is known. */
async function isTokenOf({ resumeToken, tokenDigest }: RuntimeSession, token: string): Promise<boolean> {
  if (resumeToken !== "" || tokenDigest === undefined) return isSameToken(resumeToken, token);
  return isSameToken(tokenDigest, await sha256Hex(token));
}

/** Compares in constant time: how long it takes does not depend on how much of the token was right. */
function isSameToken(expected: string, presented: string): boolean {
  if (expected === "" || expected.length !== presented.length) return false;
  let difference = 0;
  for (let at = 0; at < expected.length; at++) difference |= expected.charCodeAt(at) ^ presented.charCodeAt(at);
  return difference === 0;
}
