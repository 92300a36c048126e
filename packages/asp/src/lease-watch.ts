import type { Clock, Timer } from "@imprest/core";

/** Longer than any grace window that the draft recommends (ASP §3.2: at most five minutes). */
const keptAfterExpiryMs = 600_000;

interface Watched {
  readonly expiresAtMs: number;
  timer: Timer;
}

/** Knows, on a clock that never jumps, how much is left of each open lease. */
export class LeaseWatch {
  readonly #clock: Clock;
  readonly #warnBeforeMs: number;
  readonly #warn: (reservationId: string, remainingMs: number) => void;
  readonly #leases = new Map<string, Watched>();

  /** @param warn called once for each lease that is not settled `warnBeforeMs` before its end. */
  constructor(clock: Clock, warnBeforeMs: number, warn: (reservationId: string, remainingMs: number) => void) {
    this.#clock = clock;
    this.#warnBeforeMs = warnBeforeMs;
    this.#warn = warn;
  }

  start(reservationId: string, remainingMs: number): void {
    this.stop(reservationId);
    const expiresAtMs = this.#clock.monotonic() + remainingMs;
    const warn = (): void => {
      lease.timer = this.#clock.setTimer(() => this.stop(reservationId), remainingMs + keptAfterExpiryMs);
      this.#warn(reservationId, this.remainingMs(reservationId) ?? 0);
    };
    const lease: Watched = {
      expiresAtMs,
      timer: this.#clock.setTimer(warn, Math.max(0, remainingMs - this.#warnBeforeMs)),
    };
    this.#leases.set(reservationId, lease);
  }

  /** Negative once the lease is over; `undefined` for one that is not watched, such as one of an earlier process. */
  remainingMs(reservationId: string): number | undefined {
    const lease = this.#leases.get(reservationId);
    return lease === undefined ? undefined : lease.expiresAtMs - this.#clock.monotonic();
  }

  stop(reservationId: string): void {
    this.#leases.get(reservationId)?.timer.clear();
    this.#leases.delete(reservationId);
  }
}
