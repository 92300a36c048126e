import type { Clock, Logger, RandomBytes } from "@imprest/core";
import type { Secret } from "@imprest/core/internal";
import type { ArcpTransport } from "../transport/transport.ts";
import type { WebSocketConstructor } from "../transport/web-socket.ts";
import type { SessionTicket } from "./ticket.ts";

/** What a token is asked for with. */
export interface TokenRequest {
  /** True when the runtime has refused the last token as UNAUTHENTICATED: a cached one must be made anew. */
  readonly refused: boolean;
}

/**
 * The bearer token, or where a fresh one comes from at each connection. A function is asked once more, with `refused`, when
 * a reconnect is refused as UNAUTHENTICATED.
 */
export type TokenSource = string | Secret | ((request: TokenRequest) => string | Secret | Promise<string | Secret>);

/** Where to connect: a URL, a way to make a transport for each connection, or one transport (which is never replaced). */
export type ConnectTarget = string | URL | ArcpTransport | (() => ArcpTransport | Promise<ArcpTransport>);

/** Options of `connect`. Durations are milliseconds. */
export interface ConnectOptions {
  readonly token: TokenSource;
  /** How this client names itself; `imprest-arcp` by default. */
  readonly client?: { readonly name: string; readonly version: string } | undefined;
  /** Features to offer; all that ARCP 1.1 defines by default (ARCP §6.2). */
  readonly features?: readonly string[] | undefined;
  /** Goes on with a session that `detach` left behind. */
  readonly resume?: SessionTicket | undefined;
  /** Lets the token travel over a connection that others can read. False by default. */
  readonly allowInsecure?: boolean | undefined;
  /**
   * How long a runtime that cannot be reached, or says that it cannot take anybody now, is dialled again. Default 0: once.
   * Not for a single transport.
   */
  readonly waitForMs?: number | undefined;
  /** From dialling to the welcome. Default 10,000. */
  readonly handshakeTimeoutMs?: number | undefined;
  /** How long a request may stay unanswered, reconnects included. Default 30,000. */
  readonly requestTimeoutMs?: number | undefined;
  /** False: a lost connection ends the session. Otherwise it is made again within the resume window. */
  readonly reconnect?: boolean | undefined;
  /** The wait before attempt `attempt` (from 0) in a row that no event followed. By default: full jitter over 250 ms doubled each time, up to 15 s. */
  readonly backOff?: ((attempt: number) => number) | undefined;
  /** At most one acknowledgement in so long, unless `acknowledgeEvents` says so. Default 250. */
  readonly acknowledgeEveryMs?: number | undefined;
  /** An acknowledgement at the latest after so many processed events. Default 1,000. */
  readonly acknowledgeEvents?: number | undefined;
  /** How many characters of events and bytes of results slow consumers may hold up before reading stops. Default 16 Mi. */
  readonly bufferSize?: number | undefined;
  /** How long a consumer may stand still while reading is stopped. Default 30,000. */
  readonly stallTimeoutMs?: number | undefined;
  /** The largest chunked result taken, in bytes. Default 256 Mi. */
  readonly maxResultBytes?: number | undefined;
  /** After so long without any event of a running job, the runtime is asked whether it still runs. Default 60,000. */
  readonly probeAfterMs?: number | undefined;
  /**
   * A runtime that offers neither `heartbeat` nor `list_jobs`, and sends no event of a running job for so long, is taken for
   * lost, and connected to again. Default 300,000; a single transport is not given up unless this is set.
   */
  readonly idleTimeoutMs?: number | undefined;
  /** How long a job that the runtime does not list may stay silent before it is recovered or lost. Default 5,000. */
  readonly lostAfterMs?: number | undefined;
  /** Aborts connecting; afterwards use `close`. */
  readonly signal?: AbortSignal | undefined;
  readonly clock?: Clock | undefined;
  readonly random?: RandomBytes | undefined;
  readonly logger?: Logger | undefined;
  /** The WebSocket to use instead of the global one. */
  readonly webSocket?: WebSocketConstructor | undefined;
}

/** The options with every default filled in. */
export interface Settings {
  readonly client: { readonly name: string; readonly version: string };
  readonly features: readonly string[];
  readonly allowInsecure: boolean;
  readonly handshakeTimeoutMs: number;
  readonly requestTimeoutMs: number;
  readonly backOff: (attempt: number) => number;
  readonly acknowledgeEveryMs: number;
  readonly acknowledgeEvents: number;
  readonly bufferSize: number;
  readonly stallTimeoutMs: number;
  readonly maxResultBytes: number;
  readonly probeAfterMs: number;
  readonly idleTimeoutMs: number;
  readonly lostAfterMs: number;
  readonly clock: Clock;
  readonly random: RandomBytes;
  readonly logger: Logger;
  /** Settles within `handshakeTimeoutMs`, or is not waited for. */
  readonly token: (refused: boolean) => Promise<string>;
  /** True when another call of `token` may bring another token. */
  readonly renewsToken: boolean;
  /** Makes a transport; gives up when `signal` aborts. */
  readonly dial: (signal: AbortSignal) => Promise<ArcpTransport>;
  /** False when `dial` works only once, or must not be used again. */
  readonly redial: boolean;
}
