import { ConfigurationError, ConnectionError, TimeoutError } from "@imprest/core";
import { abortedError, onAbort } from "@imprest/core/internal";
import { ArcpError } from "../errors.ts";
import { createIdentifier } from "../identifier.ts";
import type { TransportClosed } from "../transport/transport.ts";
import type { Frame } from "../frame/frame.ts";
import { payloadOf } from "../frame/read.ts";
import { Link, type LinkHooks } from "./link.ts";
import type { Settings } from "./options.ts";
import type { SessionTicket } from "./ticket.ts";

/** Where a session is to go on. */
export interface ResumePoint {
  readonly ticket: SessionTicket;
  /** The number of the last event delivered. */
  readonly last: number;
}

/** How a connection is greeted. */
export interface Greeting {
  /** Absent for a new session. */
  readonly resume: ResumePoint | undefined;
  /** The runtime refused the token that was given last. */
  readonly tokenRefused: boolean;
}

/** What becomes of a connection that is being opened, and then of the open one. */
export interface HandshakeHooks extends LinkHooks {
  /** Takes the welcome over, in the same turn: the next frame belongs to the session. @returns false when it is none. */
  welcomed(link: Link, welcome: Frame): boolean;
  /** Something came before the welcome. */
  early(frame: Frame): void;
}

/**
 * Dials, greets and waits for the welcome (ARCP §6.2, §6.3).
 * @throws ArcpError with the runtime's refusal; ConnectionError, TimeoutError, ConfigurationError for a token that would
 * travel in the clear; AbortedError when `stopped` aborts.
 */
export async function openLink(
  settings: Settings,
  stopped: AbortSignal,
  { resume, tokenRefused }: Greeting,
  hooks: HandshakeHooks,
): Promise<void> {
  const { clock, handshakeTimeoutMs } = settings;
  const given = new AbortController();
  const late = new TimeoutError(`The runtime did not welcome us within ${handshakeTimeoutMs} ms.`, handshakeTimeoutMs);
  const timer = clock.setTimer(() => given.abort(late), handshakeTimeoutMs, true);
  const stopListening = onAbort(stopped, () => given.abort(abortedError(stopped, "Connecting")));
  let link: Link | undefined;
  try {
    await new Promise<void>((resolve, reject) => {
      onAbort(given.signal, () => reject(given.signal.reason));
      const greet = async (): Promise<void> => {
        const token = await settings.token(tokenRefused);
        given.signal.throwIfAborted();
        const transport = await settings.dial(given.signal);
        if (given.signal.aborted) return transport.close();
        if (!transport.confidential && !settings.allowInsecure) {
          transport.close();
          throw new ConfigurationError("The token would travel in the clear; use wss:, or set allowInsecure.");
        }
        const opening: Link = new Link(
          transport,
          handshakeHooks(hooks, () => opening, resolve, reject),
        );
        link = opening;
        opening.start();
        sendHello(opening, settings, token, resume);
      };
      greet().catch(reject);
    });
  } catch (error) {
    link?.close();
    throw error;
  } finally {
    timer.clear();
    stopListening();
  }
}

/** The hooks of a link: its frames belong to the handshake until the welcome, and to the session from then on. */
function handshakeHooks(
  hooks: HandshakeHooks,
  own: () => Link,
  welcomed: () => void,
  refused: (error: Error) => void,
): LinkHooks {
  let open = false;
  const answer = (frame: Frame): void => {
    if (frame.type === "session.error")
      return refused(new ArcpError(payloadOf("session.error", frame), { phase: "connect" }));
    if (frame.type !== "session.welcome") return hooks.early(frame);
    // Set first: what follows the welcome in the same turn is the session's.
    open = true;
    if (hooks.welcomed(own(), frame)) welcomed();
    else refused(new ConnectionError("The runtime's welcome names no session."));
  };
  return {
    ...hooks,
    frame: (frame, size) => (open ? hooks.frame(frame, size) : answer(frame)),
    closed: (closed) => {
      refused(closedError(closed));
      if (open) hooks.closed(closed);
    },
  };
}

function sendHello(link: Link, settings: Settings, token: string, resume: ResumePoint | undefined): void {
  const { client, features, clock, random } = settings;
  const hello = {
    client,
    auth: { scheme: "bearer", token },
    capabilities: { encodings: ["json"], features },
    ...(resume && {
      resume: {
        session_id: resume.ticket.sessionId,
        resume_token: resume.ticket.resumeToken.reveal(),
        last_event_seq: resume.last,
      },
    }),
  };
  link.send("session.hello", hello, { id: createIdentifier("msg", clock, random) });
}

export function closedError({ code, reason, error }: TransportClosed): ConnectionError {
  const how = `${code === undefined ? "" : ` with code ${code}`}${reason ? ` (${reason})` : ""}`;
  return new ConnectionError(`The connection to the runtime ended${how}.`, { cause: error });
}
