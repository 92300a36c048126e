import type { Clock, Timer } from "@imprest/core";

/** What an acknowledger goes by. */
export interface AcknowledgerOptions {
  readonly clock: Clock;
  readonly everyMs: number;
  readonly everyEvents: number;
  /** The number up to which consumers have processed everything. */
  readonly processed: () => number;
  /** @returns false when nothing could be sent now. */
  readonly send: (seq: number) => boolean;
}

/**
 * Tells the runtime how far consumers have come (ARCP §6.5): after they processed events, not when these arrived; once
 * in `everyMs` while events come slowly, once every `everyEvents` while they come fast, and a last time when all is done.
 */
export class Acknowledger {
  readonly #options: AcknowledgerOptions;
  #acknowledged = 0;
  #delivered = 0;
  #checkAt: number;
  #timer: Timer | undefined;

  constructor(options: AcknowledgerOptions) {
    this.#options = options;
    this.#checkAt = options.everyEvents;
  }

  /** An event was handed to consumers under this number. */
  delivered(seq: number): void {
    this.#delivered = seq;
    if (this.#timer === undefined) this.#arm();
    if (seq >= this.#checkAt) this.#flush(this.#options.everyEvents);
  }

  /** A session numbers from `seq` on. */
  restart(seq: number): void {
    this.stop();
    this.#acknowledged = seq;
    this.#delivered = seq;
    this.#checkAt = seq + this.#options.everyEvents;
  }

  /** Sends what is processed but not acknowledged yet. */
  flush(): void {
    this.#flush(1);
  }

  stop(): void {
    this.#timer?.clear();
    this.#timer = undefined;
  }

  #flush(least: number): void {
    const processed = this.#options.processed();
    if (processed - this.#acknowledged >= least && this.#options.send(processed)) this.#acknowledged = processed;
    // Consumers that lag are asked again after a sixteenth of the step, not at every event.
    const { everyEvents } = this.#options;
    this.#checkAt = Math.max(this.#acknowledged + everyEvents, this.#delivered + Math.ceil(everyEvents / 16));
  }

  #arm(): void {
    this.#timer = this.#options.clock.setTimer(() => {
      this.#timer = undefined;
      this.#flush(1);
      if (this.#acknowledged < this.#delivered) this.#arm();
    }, this.#options.everyMs);
  }
}
