import type { Clock, Timer } from "@imprest/core";

/** What a heartbeat does about silence. */
export interface HeartbeatActions {
  /** Nothing was sent for half an interval: say something. */
  ping(): void;
  /** Nothing was received for two intervals. */
  lost(): void;
}

/** Watches both directions of a connection on the monotonic clock (ARCP §6.4). */
export class Heartbeat {
  readonly #clock: Clock;
  readonly #intervalMs: number;
  readonly #actions: HeartbeatActions;
  #sentAtMs: number;
  #receivedAtMs: number;
  #timer: Timer | undefined;

  constructor(clock: Clock, intervalMs: number, actions: HeartbeatActions) {
    this.#clock = clock;
    this.#intervalMs = intervalMs;
    this.#actions = actions;
    this.#sentAtMs = this.#receivedAtMs = clock.monotonic();
    this.#arm();
  }

  sent(): void {
    this.#sentAtMs = this.#clock.monotonic();
  }

  received(): void {
    this.#receivedAtMs = this.#clock.monotonic();
  }

  stop(): void {
    this.#timer?.clear();
  }

  /** Looks twice in each interval, so that no interval passes without a message. */
  #arm(): void {
    this.#timer = this.#clock.setTimer(() => {
      const now = this.#clock.monotonic();
      if (now - this.#receivedAtMs >= 2 * this.#intervalMs) {
        this.#actions.lost();
        return;
      }
      if (now - this.#sentAtMs >= this.#intervalMs / 2) this.#actions.ping();
      this.#arm();
    }, this.#intervalMs / 2);
  }
}
