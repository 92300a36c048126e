import type { Clock, Timer } from "@imprest/core";
import { signOfLifeMs } from "./attempt.ts";
import type { ClaimedAttempt } from "./claimed-attempt.ts";

/** Shows in a running payment's record that its worker lives, until it is stopped. */
export class SignOfLife {
  readonly #claimed: ClaimedAttempt;
  readonly #clock: Clock;
  readonly #onLost: (error: unknown) => void;
  #timer: Timer | undefined;
  #stopped = false;

  /** @param onLost called when the record can no longer be written, as when another worker took the payment over. */
  constructor(claimed: ClaimedAttempt, clock: Clock, onLost: (error: unknown) => void) {
    this.#claimed = claimed;
    this.#clock = clock;
    this.#onLost = onLost;
    this.#wait();
  }

  stop(): void {
    this.#stopped = true;
    this.#timer?.clear();
  }

  #wait(): void {
    this.#timer = this.#clock.setTimer(() => {
      this.#claimed.write({}).then(() => this.#stopped || this.#wait(), this.#onLost);
    }, signOfLifeMs);
  }
}
