import { createDeferred } from "@imprest/core/internal";
import { Inbox } from "../../transport/inbox.ts";
import type { ArcpTransport, TransportClosed } from "../../transport/transport.ts";
import { isWelcome, mostBeforeOpen } from "../limits.ts";

/** What a host's socket can do. */
export interface HostedSocket {
  send(text: string): unknown;
  close(code?: number, reason?: string): unknown;
  readonly bufferedAmount?: number | undefined;
}

/** How connections of a host are served. */
export interface HostOptions {
  /** TLS ends at the host or in front of it. Credentials are sent over such connections alone; default false. */
  readonly behindTls?: boolean | undefined;
  /** Connections at a time; the next is closed with 1013. Default 1,000. */
  readonly maxConnections?: number | undefined;
}

/** A connection of a host that hands over events: the transport, and where the host's events go. */
export interface HostedConnection {
  readonly transport: ArcpTransport;
  message(data: unknown): void;
  closed(closed: TransportClosed): void;
}

/** Makes a transport of a host's socket. Text frames only: ARCP has no binary ones (ARCP §4). */
export function hostedConnection(socket: HostedSocket, confidential: boolean): HostedConnection {
  const inbox = new Inbox();
  const ended = createDeferred<TransportClosed>();
  let before = 0;
  let admitted = false;
  return {
    transport: {
      confidential,
      closed: ended.promise,
      get pendingSend() {
        return socket.bufferedAmount ?? 0;
      },
      send(text) {
        admitted ||= isWelcome(text);
        socket.send(text);
      },
      onMessage: (listener) => inbox.onMessage(listener),
      close: (code = 1000, reason = "") => void socket.close(code, reason),
      pause: () => inbox.pause(),
      resume: () => inbox.resume(),
    },
    message(data) {
      if (typeof data !== "string") return;
      if (!admitted && (before += data.length) > mostBeforeOpen) socket.close(1009, "A hello is small.");
      else inbox.deliver(data);
    },
    closed: (closed) => ended.resolve(closed),
  };
}

/** Counts the connections of one host. */
export class Places {
  readonly #most: number;
  #taken = 0;

  constructor({ maxConnections = 1_000 }: HostOptions) {
    this.#most = maxConnections;
  }

  /** @returns false when there are as many as there may be. */
  take(): boolean {
    if (this.#taken >= this.#most) return false;
    this.#taken++;
    return true;
  }

  free(): void {
    this.#taken--;
  }
}
