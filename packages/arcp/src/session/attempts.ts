import type { Clock } from "@imprest/core";

/** A connection that stood for so long was sound, whether it brought anything or not. */
const soundAfterMs = 10_000;
/** So many welcomes in a row without anything behind them: the runtime is there, and of no use. */
const mostWelcomes = 100;

/** Connections in a row that led nowhere: they failed, or broke again before they brought an event. */
export class Attempts {
  readonly #clock: Clock;
  #count = 0;
  #welcomes = 0;
  /** When the connection went live, and the number of the last event then. */
  #liveAtMs = 0;
  #liveAtSeq = 0;
  #troubledSinceMs: number | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** The number of the next attempt, from 0. */
  next(): number {
    return this.#count++;
  }

  welcomed(seq: number): void {
    this.#welcomes++;
    this.#liveAtMs = this.#clock.monotonic();
    this.#liveAtSeq = seq;
  }

  /**
   * The connection is gone.
   * @returns true when there is no sense in making another: welcome upon welcome led nowhere, for `windowMs` or too often.
   */
  dropped(seq: number, windowMs: number): boolean {
    const now = this.#clock.monotonic();
    if (now - this.#liveAtMs >= soundAfterMs || seq !== this.#liveAtSeq) {
      this.#count = 0;
      this.#welcomes = 0;
      this.#troubledSinceMs = undefined;
    }
    this.#troubledSinceMs ??= now;
    if (this.#welcomes >= mostWelcomes) return true;
    return this.#welcomes > 2 && now - this.#troubledSinceMs > windowMs;
  }
}
