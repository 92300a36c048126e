import { type Clock, hex, type RandomBytes } from "@imprest/core";

const alphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/** Mints the runtime's identifiers: `<prefix>_<ULID>`, the form that every reference runtime and client accepts. */
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

  /** Ids of one millisecond share their random part and count up in its last 25 bits, so that they sort. */
  next(prefix: string): string {
    const now = Math.max(0, Math.floor(this.#clock.now()));
    if (now !== this.#millisecond || this.#counter >= 2 ** 25 - 1) {
      this.#millisecond = now;
      const random = this.#random(14);
      this.#stem = encode(now, 10) + [...random.subarray(0, 11)].map((byte) => alphabet[byte & 31]).join("");
      this.#counter = ((random[11] ?? 0) << 16) | ((random[12] ?? 0) << 8) | (random[13] ?? 0);
    }
    return `${prefix}_${this.#stem}${encode(this.#counter++, 5)}`;
  }

  /** A secret of 256 random bits (ARCP 1.0 §14 asks for 128). */
  token(prefix: string): string {
    return `${prefix}_${hex(this.#random(32))}`;
  }
}

function encode(value: number, length: number): string {
  let text = "";
  let rest = value;
  for (let at = 0; at < length; at++) {
    text = alphabet[rest % 32] + text;
    rest = Math.floor(rest / 32);
  }
  return text;
}
