import { type Timer } from "@imprest/core";
import { parseJson, stringifyJson } from "@imprest/core/internal";
import { type ArcpEnvelope, arcpVersion, arcpEnvelope } from "@imprest/core/models/arcp";
import type { ArcpTransport } from "../transport/transport.ts";
import type { OutgoingPayload } from "./dialects/dialect.ts";
import { toWireFailure } from "./failure.ts";
import { Heartbeat } from "../frame/heartbeat.ts";
import { type OpeningLine, shakeHands } from "./handshake.ts";
import { answerRequest } from "./requests.ts";
import { mostBeforeOpen } from "./limits.ts";
import type { RuntimeCore } from "./runtime-core.ts";
import type { RuntimeSession } from "./session.ts";

/** Requests that may wait for their turn before reading pauses, and before the connection is given up. */
const manyRequests = 256;
const tooManyRequests = 4096;
/** Characters that may wait in the transport, and how long before looking again: longer each time in a row. */
const congestion = 4_194_304;
const shortestPauseMs = 5;
const longestPauseMs = 200;
/** A connection that takes nothing for this long is broken. */
const congestionLimitMs = 30_000;

/** Ids are remembered, to recognise a frame that came twice. */
const longestId = 256;

const ulid = /^(?:[A-Za-z0-9]+_)?[0-9A-HJKMNP-TV-Z]{26}$/;
const uuid7 = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/i;

/** One transport and the session that it carries. Requests are answered one after the other, in the order they came. */
export class Connection implements OpeningLine {
  session: RuntimeSession | undefined;
  welcomed = false;
  open = true;
  readonly #transport: ArcpTransport;
  readonly #core: RuntimeCore;
  readonly #onEnd: (connection: Connection) => void;
  #heartbeat: Heartbeat | undefined;
  #handshakeTimer: Timer | undefined;
  #congestionTimer: Timer | undefined;
  #congestedSinceMs: number | undefined;
  #pauseMs = shortestPauseMs;
  #turn: Promise<void> = Promise.resolve();
  #queued = 0;

  constructor(transport: ArcpTransport, core: RuntimeCore, onEnd: (connection: Connection) => void) {
    this.#transport = transport;
    this.#core = core;
    this.#onEnd = onEnd;
    const { clock, handshakeTimeoutMs } = core.settings;
    this.#handshakeTimer = clock.setTimer(
      () => this.fail("UNAUTHENTICATED", "No session.hello came in time."),
      handshakeTimeoutMs,
    );
    transport.onMessage((text) => this.#receive(text));
    void transport.closed.then(() => this.#ended());
  }

  send(text: string): void {
    if (!this.open) return;
    this.#transport.send(text);
    this.#heartbeat?.sent();
  }

  sendBare(type: string, payload: OutgoingPayload, sessionId?: string): void {
    const { settings } = this.#core;
    const [shapedType, shaped] = settings.dialect.shape?.(type, payload, settings.clock.now()) ?? [type, payload];
    const id = settings.identifiers.next("msg");
    this.send(stringifyJson({ arcp: arcpVersion, id, type: shapedType, session_id: sessionId, payload: shaped }));
  }

  get confidential(): boolean {
    return this.#transport.confidential;
  }

  get isCongested(): boolean {
    return (this.#transport.pendingSend ?? 0) > congestion;
  }

  flushLater(): void {
    const { clock } = this.#core.settings;
    const now = clock.monotonic();
    this.#congestedSinceMs ??= now;
    if (now - this.#congestedSinceMs > congestionLimitMs) {
      this.fail("INTERNAL_ERROR", "The client reads too slowly: the connection took nothing for too long.");
      return;
    }
    this.#congestionTimer ??= clock.setTimer(() => {
      this.#congestionTimer = undefined;
      if (this.isCongested) {
        this.#pauseMs = Math.min(this.#pauseMs * 2, longestPauseMs);
      } else {
        this.#pauseMs = shortestPauseMs;
        this.#congestedSinceMs = undefined;
      }
      this.session?.flush();
    }, this.#pauseMs);
  }

  opened(session: RuntimeSession): void {
    this.session = session;
    this.#handshakeTimer?.clear();
    if (!session.features.has("heartbeat")) return;
    const { clock, heartbeatIntervalMs, identifiers } = this.#core.settings;
    this.#heartbeat?.stop();
    this.#heartbeat = new Heartbeat(clock, heartbeatIntervalMs, {
      ping: () =>
        session.send("session.ping", { nonce: identifiers.next("p"), sent_at: new Date(clock.now()).toISOString() }),
      lost: () => this.fail("HEARTBEAT_LOST", "Nothing was received for two heartbeat intervals."),
    });
  }

  admit(): void {
    this.welcomed = true;
  }

  fail(code: string, message: string): void {
    this.sendBare("session.error", { code, message, retryable: code === "INTERNAL_ERROR" }, this.session?.id);
    this.close(message);
  }

  close(reason: string): void {
    this.#transport.close(1000, reason.slice(0, 100));
    this.#ended();
  }

  #receive(text: string): void {
    if (!this.open) return;
    this.#heartbeat?.received();
    const { maxFrameCharacters } = this.#core.settings;
    const most = this.session === undefined ? Math.min(mostBeforeOpen, maxFrameCharacters) : maxFrameCharacters;
    if (text.length > most) {
      this.fail("INVALID_REQUEST", `A frame has more than ${most} characters.`);
      return;
    }
    const envelope = this.#read(text);
    if (envelope === undefined || this.#answerAtOnce(envelope)) return;
    this.#enqueue(envelope);
  }

  /** Acknowledgements and pongs change nothing that a request waits for, and come often. */
  #answerAtOnce({ type, payload }: ArcpEnvelope): boolean {
    if (type === "session.pong") return true;
    if (type !== "session.ack" || this.session === undefined) return false;
    const seq = (payload as { last_processed_seq?: unknown } | null)?.last_processed_seq;
    if (this.session.features.has("ack") && Number.isSafeInteger(seq)) this.session.acknowledge(Number(seq));
    return true;
  }

  #read(text: string): ArcpEnvelope | undefined {
    let value: unknown;
    try {
      value = parseJson(text);
    } catch {
      this.#reject(undefined, "A frame is not JSON.");
      return undefined;
    }
    const result = arcpEnvelope.safeParse(value);
    const id = (value as { id?: unknown } | null)?.id;
    if (typeof id === "string" && id.length > longestId) {
      this.#reject(undefined, `The envelope's id has more than ${longestId} characters.`);
      return undefined;
    }
    if (!result.success) {
      this.#reject(id, `The envelope is malformed at /${String(result.error.issues[0]?.path.join("/"))} (ARCP §5).`);
      return undefined;
    }
    if (this.#core.settings.dialect.checksFrameIds && !ulid.test(result.data.id) && !uuid7.test(result.data.id)) {
      this.#reject(id, "The envelope's id is no ULID and no UUIDv7.");
      return undefined;
    }
    return { payload: undefined, ...result.data };
  }

  #reject(id: unknown, message: string): void {
    const payload = { code: "INVALID_REQUEST", message, retryable: false };
    const known = typeof id === "string" ? { ...payload, request_id: id } : payload;
    if (this.session === undefined) this.sendBare("session.error", known);
    else this.session.send("session.error", known);
  }

  #enqueue(envelope: ArcpEnvelope): void {
    if (++this.#queued > tooManyRequests) {
      this.fail("INVALID_REQUEST", "Too many requests are waiting.");
      return;
    }
    if (this.#queued === manyRequests) this.#pause(true);
    this.#turn = this.#turn.then(async () => {
      try {
        if (this.open) await this.#answer(envelope);
      } catch (error) {
        this.#answerFailure(envelope, error);
      }
      if (--this.#queued === manyRequests - 1) this.#pause(false);
    });
  }

  /** While nothing is read, silence says nothing about the client. */
  #pause(paused: boolean): void {
    if (this.#transport.pause === undefined || this.#transport.resume === undefined) return;
    this.#heartbeat?.suspend(paused);
    if (paused) this.#transport.pause();
    else this.#transport.resume();
  }

  async #answer(envelope: ArcpEnvelope): Promise<void> {
    const { session } = this;
    if (session === undefined || envelope.type === "session.resume") {
      await shakeHands(this.#core, this, envelope);
      return;
    }
    if (envelope.session_id !== undefined && envelope.session_id !== session.id) {
      session.refuse(envelope, {
        code: "INVALID_REQUEST",
        message: "The frame names another session.",
        retryable: false,
      });
      return;
    }
    if (session.isRepeated(envelope.id)) return;
    await answerRequest(this.#core, this, session, envelope);
  }

  #answerFailure(envelope: ArcpEnvelope, error: unknown): void {
    const failure = toWireFailure(error);
    if (failure.code === "INTERNAL_ERROR") {
      this.#core.settings.logger.error("a request failed", { type: envelope.type, error: failure.message });
    }
    if (this.session === undefined) this.sendBare("session.error", { ...failure, request_id: envelope.id });
    else this.session.refuse(envelope, failure);
  }

  #ended(): void {
    if (!this.open) return;
    this.open = false;
    this.#handshakeTimer?.clear();
    this.#congestionTimer?.clear();
    this.#heartbeat?.stop();
    this.#onEnd(this);
    if (this.session?.line === this) this.#core.sessions.dropped(this.session);
  }
}
