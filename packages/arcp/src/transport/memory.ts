import { createDeferred } from "@imprest/core/internal";
import { Inbox } from "./inbox.ts";
import type { ArcpTransport, TransportClosed } from "./transport.ts";

/**
 * Two ends of a connection within one process. Frames arrive in order and never within the call that sent them, as on
 * a network; closing one end delivers what was sent before and then ends both.
 */
export function createMemoryPair(): readonly [ArcpTransport, ArcpTransport] {
  const left = new MemoryEnd();
  const right = new MemoryEnd();
  left.peer = right;
  right.peer = left;
  return [left, right];
}

class MemoryEnd implements ArcpTransport {
  readonly confidential: boolean = true;
  /** The other side; set once, before the first frame. */
  peer: MemoryEnd | undefined;
  readonly #inbox = new Inbox();
  readonly #ended = createDeferred<TransportClosed>();
  readonly #arriving: (string | TransportClosed)[] = [];
  #open = true;

  get closed(): Promise<TransportClosed> {
    return this.#ended.promise;
  }

  send(text: string): void {
    if (this.#open) this.peer?.arrive(text);
  }

  onMessage(listener: (text: string) => void): void {
    this.#inbox.onMessage(listener);
  }

  pause(): void {
    this.#inbox.pause();
  }

  resume(): void {
    this.#inbox.resume();
  }

  close(code?: number, reason?: string): void {
    if (!this.#open) return;
    this.#end({ code, reason });
    this.peer?.arrive({ code, reason });
  }

  /** Takes a frame, or the end, from the other side. */
  arrive(item: string | TransportClosed): void {
    if (this.#arriving.push(item) === 1) queueMicrotask(() => this.#deliver());
  }

  #deliver(): void {
    for (const item of this.#arriving.splice(0)) {
      if (!this.#open) return;
      if (typeof item === "string") this.#inbox.deliver(item);
      else this.#end(item);
    }
  }

  #end(closed: TransportClosed): void {
    this.#open = false;
    this.#ended.resolve(closed);
  }
}
