import type { Clock, Timer } from "@imprest/core";

/**
 * Keeps one connection alive and notices its death (ARCP §6.4): pings when nothing else was sent for an interval, and
 * calls the peer lost after two intervals without a frame. Counted on a monotonic clock; a machine that slept asks
 * first, because the silence was its own.
 */
export class Heartbeat {
  readonly #clock: Clock;
  readonly #intervalMs: number;
  readonly #ping: () => void;
  readonly #lost: () => void;
  #timer: Timer;
  #checkedAt: number;
  #received = 0;
  #sent = 0;
  #silent = 0;
  #suspended = false;

  constructor(clock: Clock, intervalMs: number, actions: { readonly ping: () => void; readonly lost: () => void }) {
    this.#clock = clock;
    this.#intervalMs = intervalMs;
    this.#ping = actions.ping;
    this.#lost = actions.lost;
    this.#checkedAt = clock.monotonic();
    this.#timer = this.#arm();
  }

  /** A frame of any kind came. */
  received(): void {
    this.#received++;
  }

  sent(): void {
    this.#sent++;
  }

  /** While reading is stopped, silence says nothing. */
  suspend(suspended: boolean): void {
    this.#suspended = suspended;
    this.#silent = 0;
  }

  stop(): void {
    this.#timer.clear();
  }

  #arm(): Timer {
    // Half an interval: so a ping is never later than one interval after the last frame sent.
    return this.#clock.setTimer(() => this.#check(), this.#intervalMs / 2);
  }

  #check(): void {
    const now = this.#clock.monotonic();
    const slept = now - this.#checkedAt > this.#intervalMs * 2;
    this.#checkedAt = now;
    if (this.#received > 0 || slept || this.#suspended) this.#silent = 0;
    else this.#silent++;
    if (this.#sent === 0 || slept) this.#ping();
    this.#received = 0;
    this.#sent = 0;
    if (this.#silent >= 4) this.#lost();
    else this.#timer = this.#arm();
  }
}
