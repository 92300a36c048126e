import { ConfigurationError, ConnectionError } from "@imprest/core";
import { onAbort } from "@imprest/core/internal";
import { ArcpError, SessionEndedError } from "../errors.ts";
import { createIdentifier } from "../identifier.ts";
import { Attempts } from "./attempts.ts";
import type { ConnectionHooks, SessionState } from "./connection-hooks.ts";
import type { Frame, FrameHeader } from "../frame/frame.ts";
import { payloadOf } from "../frame/read.ts";
import { type ResumePoint, closedError, openLink } from "./handshake.ts";
import { HoleGrace } from "./hole-grace.ts";
import type { Link } from "./link.ts";
import type { Settings } from "./options.ts";
import { ReadHold } from "./read-hold.ts";
import { type Redialling, type Sense, dialPatiently, redial, resumeAt } from "./redial.ts";
import { Sequence } from "../frame/sequence.ts";
import type { SessionTicket } from "./ticket.ts";
import { type Welcome, readWelcome } from "./welcome.ts";

/** Refusals of a resume that a fresh `session.hello` would meet as well. */
const refusals = new Set(["UNAUTHENTICATED", "PERMISSION_DENIED"]);

/** The resume window of a runtime that keeps a session for no time at all: a new one may be begun in it. */
const shortestWindowMs = 30_000;

/**
 * Keeps one session connected (ARCP §6.3): dials, greets, and after a drop dials again and resumes, with the newest
 * token and the number of the last event that was delivered, until the runtime's resume window has passed.
 */
export class Connection {
  readonly sequence: Sequence;
  welcome: Welcome | undefined;
  state: SessionState = "connecting";
  readonly #settings: Settings;
  readonly #hooks: ConnectionHooks;
  readonly #stopped = new AbortController();
  #link: Link | undefined;
  #ticket: SessionTicket | undefined;
  /** The cursor at which the last resume was asked for because of a hole: it is not asked for twice. */
  #holeAt: number | undefined;
  readonly #grace: HoleGrace;
  readonly #attempts: Attempts;
  /** The runtime refused the token that was used last. */
  #tokenRefused = false;
  /** The session is a new one, which was not reported yet. */
  #renewed = false;
  readonly #hold = new ReadHold();

  constructor(settings: Settings, hooks: ConnectionHooks, ticket: SessionTicket | undefined) {
    this.#settings = settings;
    this.#hooks = hooks;
    this.#ticket = ticket;
    this.sequence = new Sequence((frame, size) => this.#hooks.frame(frame, size), ticket?.lastEventSeq);
    this.#grace = new HoleGrace(settings.clock, () => this.#hole());
    this.#attempts = new Attempts(settings.clock);
  }

  /** What it takes to go on with this session elsewhere. */
  get ticket(): SessionTicket | undefined {
    return this.#ticket && { ...this.#ticket, lastEventSeq: this.sequence.last };
  }

  get pendingSend(): number {
    return this.#link?.transport.pendingSend ?? 0;
  }

  /**
   * The first connection; one that cannot be made is tried again for `waitForMs`.
   * @throws ArcpError, ConnectionError, TimeoutError, AbortedError, ConfigurationError.
   */
  async open(signal: AbortSignal | undefined, waitForMs: number): Promise<void> {
    const stopListening = onAbort(signal, () => this.#stopped.abort(signal?.reason));
    try {
      await dialPatiently(this.#redialling(), waitForMs);
    } catch (error) {
      this.#end("failed");
      throw error;
    } finally {
      stopListening();
    }
  }

  /** Sends a message on the live connection. @returns its id; without a connection nothing is sent. */
  send(type: string, payload: object, header: Omit<FrameHeader, "id" | "sessionId"> = {}): string {
    const id = createIdentifier("msg", this.#settings.clock, this.#settings.random);
    this.#link?.send(type, payload, { ...header, id, sessionId: this.welcome?.sessionId });
    return id;
  }

  get connected(): boolean {
    return this.#link !== undefined;
  }

  /** Drops the connection and makes it again: what is missing is replayed. */
  restart(cause: unknown): void {
    const link = this.#link;
    if (link === undefined) return;
    this.#link = undefined;
    link.close(4000, "resume");
    this.#down(cause);
  }

  /** Stops or goes on reading. Where the transport cannot, the connection is dropped and resumed later. */
  throttle(stop: boolean): void {
    if (!stop) {
      this.#hold.end();
      this.#link?.resume();
    } else if (this.#link !== undefined && !this.#link.pause() && this.#settings.redial) {
      this.#hold.begin();
      this.restart(new ConnectionError("Consumers are too slow; reading goes on when they have caught up."));
    }
  }

  /** Leaves without a word: the session can be resumed within its window. */
  detach(): void {
    this.finish(new SessionEndedError("The session was detached; it can be resumed elsewhere."));
  }

  /** Ends with the session closed in good order, or because there is nothing left to do. */
  finish(error: SessionEndedError, state: "closed" | "failed" = "closed"): void {
    if (this.#stopped.signal.aborted) return;
    this.#end(state, error.cause);
    this.#hooks.ended(error);
  }

  setState(state: SessionState, cause?: unknown): void {
    if (this.state === state) return;
    this.state = state;
    this.#hooks.state(state, cause);
  }

  /** The runtime has nothing to fill a hole with: what lies behind it is delivered. */
  skipHole(): void {
    const hole = this.sequence.skipHole();
    this.#grace.end();
    if (hole === undefined) return;
    this.#hooks.gap(hole);
    this.sequence.deliverHeld();
  }

  /** Forgets the session: the runtime has. The next connection begins a new one. */
  forget(): void {
    this.#ticket = undefined;
  }

  #attempt(resume: ResumePoint | undefined): Promise<void> {
    return openLink(
      this.#settings,
      this.#stopped.signal,
      { resume, tokenRefused: this.#tokenRefused },
      {
        welcomed: (link, frame) => this.#welcomed(link, frame),
        early: ({ type }) => this.#hooks.warning("EARLY_FRAME", `A ${type} came before the welcome and was not taken.`),
        frame: (frame, size) => this.#frame(frame, size),
        unreadable: () => this.#hooks.warning("UNREADABLE_FRAME", "A frame came that is no JSON object with a type."),
        closed: (closed) => {
          this.#link = undefined;
          this.#down(closedError(closed));
        },
        lost: () => {
          this.#hooks.warning("HEARTBEAT_LOST", "The runtime was silent for two heartbeat intervals.");
          this.restart(new ArcpError({ code: "HEARTBEAT_LOST", message: "silence" }, { phase: "session" }));
        },
        watch: (direction, text) => this.#hooks.watch(direction, text),
      },
    );
  }

  #welcomed(link: Link, frame: Frame): boolean {
    const welcome = readWelcome(frame, this.#settings.features);
    if (welcome === undefined) return false;
    const resumed = this.#ticket?.sessionId === welcome.sessionId;
    this.#link = link;
    this.welcome = welcome;
    const { sessionId, resumeToken, heartbeatMs } = welcome;
    this.#ticket = resumeToken && { sessionId, resumeToken, lastEventSeq: 0 };
    const held = resumed ? [] : this.#heldBefore(welcome);
    // What lay behind a hole of a session that is gone cannot come again.
    if (held.length > 0) this.#hooks.gap({ from: 0, to: 0 });
    if (!resumed) this.#holeAt = undefined;
    this.#tokenRefused = false;
    this.#attempts.welcomed(this.sequence.last);
    this.#renewed ||= !resumed;
    if (heartbeatMs !== undefined) link.keepAlive(this.#settings.clock, heartbeatMs, () => this.#ping());
    for (const item of held) this.#hooks.frame(item.frame, item.size);
    // Slow consumers, or a listener, may have dropped this very connection.
    if (this.#link === link) this.setState("live");
    if (this.#link !== link) return true;
    const renewed = this.#renewed;
    this.#renewed = false;
    this.#hooks.live(!renewed);
    return true;
  }

  /** A new session counts from 1. Where it can be asked for a job's history, that brings what lay behind a hole, in order. */
  #heldBefore({ features }: Welcome): { readonly frame: Frame; readonly size: number }[] {
    const held = this.sequence.restart();
    return features.has("subscribe") ? [] : held;
  }

  #frame(frame: Frame, size: number): void {
    const { event_seq: seq, session_id: session } = frame;
    if (session && session !== this.welcome?.sessionId) {
      return this.#hooks.warning("FOREIGN_FRAME", `A ${frame.type} of another session came, and was not taken.`);
    }
    if (seq !== undefined) return this.#numbered(frame, seq, size);
    switch (frame.type) {
      case "session.ping":
        this.send("session.pong", {
          ping_nonce: payloadOf("session.ping", frame).nonce ?? "",
          received_at: this.#now(),
        });
        return;
      case "session.bye":
        return this.restart(new ConnectionError("The runtime said goodbye."));
      default:
        this.#hooks.frame(frame, size);
    }
  }

  #numbered(frame: Frame, seq: number, size: number): void {
    const taken = this.sequence.accept(frame, seq, size);
    if (taken === "reused") this.#hooks.warning("REUSED_SEQ", `The runtime used event_seq ${seq} for two frames.`);
    if (this.sequence.isFull) this.#hole();
    else if (this.sequence.hasHole) this.#grace.begin(this.sequence.last);
    else this.#grace.end();
  }

  /** What is missing has not come in time: it is asked for once, and given up where that brings nothing. */
  #hole(): void {
    const { last } = this.sequence;
    if (this.#settings.redial && this.#holeAt !== last && this.#ticket !== undefined && this.connected) {
      this.#holeAt = last;
      this.#hooks.warning("GAP", `Events after ${last} are missing; the session is resumed.`);
      this.restart(new ConnectionError("Events were missing."));
    } else this.skipHole();
  }

  #down(cause: unknown): void {
    if (this.#stopped.signal.aborted) return;
    this.#grace.end();
    this.#tokenRefused ||= cause instanceof ArcpError && cause.errorCode === "UNAUTHENTICATED";
    this.#hooks.down();
    if (this.state === "closing") return;
    if (!this.#settings.redial) {
      this.finish(new SessionEndedError("The connection was lost and cannot be made again.", { cause }), "failed");
    } else if (this.#attempts.dropped(this.sequence.last, this.#windowMs)) {
      this.finish(new SessionEndedError("The runtime welcomes and leaves, again and again.", { cause }), "failed");
    } else {
      this.setState("suspended", cause);
      void this.#reconnect();
    }
  }

  get #windowMs(): number {
    return this.welcome?.resumeWindowMs || shortestWindowMs;
  }

  async #reconnect(): Promise<void> {
    const failed = await redial(this.#redialling());
    if (failed === undefined) return;
    this.finish(new SessionEndedError("The session could not be resumed.", failed), "failed");
  }

  #redialling(): Redialling {
    return {
      settings: this.#settings,
      attempts: this.#attempts,
      hold: this.#hold,
      stopped: this.#stopped.signal,
      windowMs: () => this.#windowMs,
      attempt: () => {
        if (this.welcome !== undefined) this.setState("resuming");
        return resumeAt(this.#ticket, this.sequence.last, (resume) => this.#attempt(resume));
      },
      senseAfter: (error) => this.#senseAfter(error),
    };
  }

  /** Whether there is sense in another attempt after this failure. */
  #senseAfter(error: unknown): Sense {
    if (error instanceof ConfigurationError) return "none";
    if (!(error instanceof ArcpError)) return "later";
    if (error.errorCode === "UNAUTHENTICATED" && this.#settings.renewsToken && !this.#tokenRefused) {
      this.#tokenRefused = true;
      return "at once";
    }
    if (refusals.has(error.errorCode) || (this.#ticket === undefined && !error.retryable)) return "none";
    // The runtime is there, but does not know the session any more: a new one is begun at once.
    const knewNone = this.#ticket === undefined;
    this.forget();
    return knewNone ? "later" : "at once";
  }

  #ping(): void {
    const nonce = createIdentifier("ping", this.#settings.clock, this.#settings.random);
    this.send("session.ping", { nonce, sent_at: this.#now() });
  }

  #now(): string {
    return new Date(this.#settings.clock.now()).toISOString();
  }

  #end(state: "closed" | "failed", cause?: unknown): void {
    this.#stopped.abort();
    this.#grace.end();
    this.#hold.end();
    this.#link?.close(1000);
    this.#link = undefined;
    this.setState(state, cause);
  }
}
