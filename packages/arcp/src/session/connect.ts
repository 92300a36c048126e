import { ConfigurationError, ConnectionError, type RandomBytes, silentLogger, systemClock } from "@imprest/core";
import { Secret, systemRandom } from "@imprest/core/internal";
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
 * @example
 * const session = await connect("wss://runtime.example.com/arcp", { token: () => readToken() });
 * const job = await session.submit({ agent: "researcher", input: "tea", lease: { "cost.budget": ["USD:1.00"] } });
 * const result = await job.result();
 */
export async function connect(target: ConnectTarget, options: ConnectOptions): Promise<ArcpSession> {
  const settings = fill(target, options);
  const engine = new SessionEngine(settings, options.resume);
  await engine.connection.open(options.signal, options.waitForMs ?? 0);
  return new ArcpSession(engine, settings);
}

/** What holds where the caller says nothing. Times in milliseconds, sizes in characters and bytes. */
const defaults = {
  client: { name: "imprest-arcp", version: "0.1.0" },
  features: arcpFeatures,
  allowInsecure: false,
  handshakeTimeoutMs: 10_000,
  requestTimeoutMs: 30_000,
  acknowledgeEveryMs: 250,
  acknowledgeEvents: 1000,
  bufferSize: 16 * 2 ** 20,
  stallTimeoutMs: 30_000,
  maxResultBytes: 256 * 2 ** 20,
  probeAfterMs: 60_000,
  lostAfterMs: 5000,
  clock: systemClock,
  random: systemRandom,
  logger: silentLogger,
};

function fill(target: ConnectTarget, options: ConnectOptions): Settings {
  const reusable = typeof target === "function" || typeof target === "string" || target instanceof URL;
  const settings = { ...defaults, ...given(options) };
  const redial = reusable && options.reconnect !== false;
  return {
    idleTimeoutMs: redial ? 300_000 : Infinity,
    backOff: (attempt) => jitter(settings.random) * Math.min(250 * 2 ** attempt, 15_000),
    ...settings,
    token: tokenFrom(options.token),
    renewsToken: typeof options.token === "function",
    dial: dialler(target, options),
    redial,
  };
}

type Given<Options> = { readonly [Name in keyof Options]: Exclude<Options[Name], undefined> };

/** The options without those that are absent, which would hide a default. */
function given(options: ConnectOptions): Given<ConnectOptions> {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value != null)) as Given<ConnectOptions>;
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

function tokenFrom(source: TokenSource): Settings["token"] {
  return async (refused) => {
    const token = typeof source === "function" ? await source({ refused }) : source;
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
