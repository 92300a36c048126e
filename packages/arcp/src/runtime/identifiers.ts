import { type Clock, type RandomBytes } from "@imprest/core";
import { hex } from "@imprest/core/internal";
import { createIdentifier } from "../identifier.ts";

const alphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
const counterBits = 25;

/**
 * Mints the runtime's identifiers, `<prefix>_<ULID>`. There is one for each event, so those of one millisecond share
 * their random part and count up in its last 25 bits: cheap, and in the order in which they were made.
 */
export class Identifiers {
  readonly #clock: Clock;
  readonly #random: RandomBytes;
  #millisecond = -1;
  #stem = "";
  #counter = 0;

  constructor(clock: Clock, random: RandomBytes) {
    this.#clock = clock;
    this.#random = random;
  }

  next(prefix: string): string {
    const now = this.#clock.now();
    if (now !== this.#millisecond || this.#counter >= 2 ** counterBits) {
      this.#millisecond = now;
      this.#stem = createIdentifier("", this.#clock, this.#random).slice(1, -counterBits / 5);
      this.#counter = 0;
    }
    let rest = this.#counter++;
    let tail = "";
    for (let place = 0; place < counterBits / 5; place++) {
      tail = alphabet[rest & 31] + tail;
      rest >>= 5;
    }
    return `${prefix}_${this.#stem}${tail}`;
  }

  /** A secret of 256 random bits (ARCP 1.0 §14 asks for 128). */
  token(prefix: string): string {
    return `${prefix}_${hex(this.#random(32))}`;
  }
}
