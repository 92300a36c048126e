import type { TransportLimits } from "./transport.ts";

/** One exchange as its transport sees it. Most end in time, so a signal is made only for a transport that reads it. */
export class Exchange implements TransportLimits {
  readonly maxResponseBytes: number;
  readonly #listeners: ((reason: unknown) => void)[] = [];
  #controller: AbortController | undefined;
  #aborted: { readonly reason: unknown } | undefined;

  constructor(maxResponseBytes: number) {
    this.maxResponseBytes = maxResponseBytes;
  }

  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      if (this.#aborted) this.#controller.abort(this.#aborted.reason);
    }
    return this.#controller.signal;
  }

  onAbort(listener: (reason: unknown) => void): void {
    if (this.#aborted) listener(this.#aborted.reason);
    else this.#listeners.push(listener);
  }

  throwIfAborted(): void {
    if (this.#aborted) throw this.#aborted.reason;
  }

  /** Ends the exchange; the first reason stays. */
  abort(reason: unknown): void {
    if (this.#aborted) return;
    this.#aborted = { reason };
    for (const listener of this.#listeners) listener(reason);
    this.#controller?.abort(reason);
  }
}
