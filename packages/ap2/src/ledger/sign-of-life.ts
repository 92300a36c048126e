import type { Clock, Timer } from "@imprest/core";
import { AP2GuardError } from "../errors.ts";
import { signOfLifeMs } from "./attempt.ts";
import type { ClaimedAttempt } from "./claimed-attempt.ts";

/** What a sign of life that could not be written is reported to. */
export interface SignOfLifeListener {
  /** Another worker took the payment over: no further sign follows. */
  readonly onLost: (error: unknown) => void;
  /** The store failed; the next sign is due as ever. */
  readonly onFailure: (error: unknown) => void;
}

/** Shows in a running payment's record that its worker lives, until it is stopped or another worker took the payment over. */
export class SignOfLife {
  readonly #claimed: ClaimedAttempt;
  readonly #clock: Clock;
  readonly #listener: SignOfLifeListener;
  #timer: Timer | undefined;
  #stopped = false;

  constructor(claimed: ClaimedAttempt, clock: Clock, listener: SignOfLifeListener) {
    this.#claimed = claimed;
    this.#clock = clock;
    this.#listener = listener;
    this.#wait();
  }

  stop(): void {
    this.#stopped = true;
    this.#timer?.clear();
  }

  #wait(): void {
    this.#timer = this.#clock.setTimer(() => void this.#show(), signOfLifeMs);
  }

  async #show(): Promise<void> {
    try {
      await this.#claimed.write({});
    } catch (error) {
      if (AP2GuardError.isInstance(error) && error.code === "ERR_AP2_CLAIM_LOST") return this.#listener.onLost(error);
      this.#listener.onFailure(error);
    }
    if (!this.#stopped) this.#wait();
  }
}
