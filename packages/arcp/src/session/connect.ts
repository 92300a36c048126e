import {
  ConfigurationError,
  ConnectionError,
  type RandomBytes,
  Secret,
  silentLogger,
  systemClock,
  systemRandom,
} from "@imprest/core";
import { arcpFeatures } from "@imprest/core/models/arcp";
import type { ArcpTransport } from "../transport/transport.ts";
import { isConfidentialUrl, openWebSocket } from "../transport/web-socket.ts";
import { SessionEngine } from "./engine.ts";
import type { ConnectOptions, ConnectTarget, Settings, TokenSource } from "./options.ts";
import { ArcpSession } from "./session.ts";

/**
 * Opens a session with an ARCP runtime.
 * @param target a `ws:` or `wss:` URL; a function that makes a transport for each connection; or one transport, whose
 * loss ends the session.
 * @throws ConfigurationError for a token that would travel in the clear; ArcpError when the runtime refuses
 * (UNAUTHENTICATED, RESUME_WINDOW_EXPIRED …); ConnectionError, TimeoutError, AbortedError.
 */
export async function connect(target: ConnectTarget, options: ConnectOptions): Promise<ArcpSession> {
  const settings = fill(target, options);
  const engine = new SessionEngine(settings, options.resume);
  await engine.connection.open(options.signal);
  return new ArcpSession(engine, settings);
}

function fill(target: ConnectTarget, options: ConnectOptions): Settings {
  const random = options.random ?? systemRandom;
  const reusable = typeof target === "function" || typeof target === "string" || target instanceof URL;
  return {
    client: options.client ?? { name: "imprest-arcp", version: "0.0.0" },
    features: options.features ?? arcpFeatures,
    allowInsecure: options.allowInsecure ?? false,
    handshakeTimeoutMs: options.handshakeTimeoutMs ?? 10_000,
    requestTimeoutMs: options.requestTimeoutMs ?? 30_000,
    backOff: options.backOff ?? ((attempt) => jitter(random) * Math.min(250 * 2 ** attempt, 15_000)),
    acknowledgeEveryMs: options.acknowledgeEveryMs ?? 250,
    acknowledgeEvents: options.acknowledgeEvents ?? 1000,
    bufferSize: options.bufferSize ?? 16 * 2 ** 20,
    stallTimeoutMs: options.stallTimeoutMs ?? 30_000,
    maxResultBytes: options.maxResultBytes ?? 256 * 2 ** 20,
    probeAfterMs: options.probeAfterMs ?? 60_000,
    lostAfterMs: options.lostAfterMs ?? 5000,
    clock: options.clock ?? systemClock,
    random,
    logger: options.logger ?? silentLogger,
    token: tokenFrom(options.token),
    dial: dialler(target, options),
    redial: reusable && options.reconnect !== false,
  };
}

function dialler(target: ConnectTarget, options: ConnectOptions): Settings["dial"] {
  if (typeof target === "function") return async () => target();
  if (typeof target === "string" || target instanceof URL) {
    const url = new URL(target);
    if (url.protocol !== "ws:" && url.protocol !== "wss:") {
      throw new ConfigurationError(`An ARCP runtime is reached at a ws: or wss: URL, not at ${url.protocol}`);
    }
    if (!isConfidentialUrl(url) && options.allowInsecure !== true) {
      throw new ConfigurationError(
        `The token would travel to ${url.host} in the clear; use wss:, or set allowInsecure.`,
      );
    }
    return (signal) => openWebSocket(url, options.webSocket, signal);
  }
  let unused: ArcpTransport | undefined = target;
  return async () => {
    const transport = unused;
    unused = undefined;
    if (transport === undefined) throw new ConnectionError("The transport was used before.");
    return transport;
  };
}

function tokenFrom(source: TokenSource): () => Promise<string> {
  return async () => {
    const token = typeof source === "function" ? await source() : source;
    const text = token instanceof Secret ? token.reveal() : token;
    if (typeof text !== "string" || text === "") throw new ConfigurationError("The ARCP token is empty.");
    return text;
  };
}

/** A number from 0 to 1. */
function jitter(random: RandomBytes): number {
  const [high = 0, low = 0] = random(2);
  return (high * 256 + low) / 65_535;
}
