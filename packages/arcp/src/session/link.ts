import type { Clock } from "@imprest/core";
import type { ArcpTransport, TransportClosed } from "../transport/transport.ts";
import { type Frame, type FrameHeader, readFrame, writeFrame } from "../frame/frame.ts";
import { Heartbeat } from "../frame/heartbeat.ts";

/** What happens on a connection. */
export interface LinkHooks {
  frame(frame: Frame, size: number): void;
  /** Something came that is no envelope. */
  unreadable(): void;
  closed(closed: TransportClosed): void;
  /** Two heartbeat intervals of silence. */
  lost(): void;
  /** A frame is about to be sent, or came. */
  watch(direction: "in" | "out", text: string): void;
}

/** One connection: frames in and out, kept alive by heartbeats. After `close` it reports nothing any more. */
export class Link {
  readonly transport: ArcpTransport;
  readonly #hooks: LinkHooks;
  #heartbeat: Heartbeat | undefined;
  #open = true;

  constructor(transport: ArcpTransport, hooks: LinkHooks) {
    this.transport = transport;
    this.#hooks = hooks;
  }

  /** Begins to read. */
  start(): void {
    this.transport.onMessage((text) => this.#receive(text));
    void this.transport.closed.then((closed) => {
      if (!this.#open) return;
      this.#end();
      this.#hooks.closed(closed);
    });
  }

  /** Begins to send pings and to watch for silence. */
  keepAlive(clock: Clock, intervalMs: number, ping: () => void): void {
    this.#heartbeat = new Heartbeat(clock, intervalMs, { ping, lost: () => this.#hooks.lost() });
  }

  send(type: string, payload: object, header: FrameHeader): void {
    if (!this.#open) return;
    const text = writeFrame(type, payload, header);
    this.#hooks.watch("out", text);
    this.#heartbeat?.sent();
    this.transport.send(text);
  }

  /** Stops reading, where the transport can. */
  pause(): boolean {
    if (this.transport.pause === undefined) return false;
    this.transport.pause();
    this.#heartbeat?.suspend(true);
    return true;
  }

  resume(): void {
    this.transport.resume?.();
    this.#heartbeat?.suspend(false);
  }

  close(code?: number, reason?: string): void {
    this.#end();
    this.transport.close(code, reason);
  }

  #end(): void {
    this.#open = false;
    this.#heartbeat?.stop();
  }

  #receive(text: string): void {
    if (!this.#open) return;
    this.#heartbeat?.received();
    this.#hooks.watch("in", text);
    const frame = readFrame(text);
    if (frame === undefined) this.#hooks.unreadable();
    else this.#hooks.frame(frame, text.length);
  }
}
