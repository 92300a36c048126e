import { hex } from "./encoding.ts";

/** A source of cryptographic randomness, injected where tests must be repeatable. */
export type RandomBytes = (length: number) => Uint8Array;

/** Asking the platform costs far more than the bytes do, so it is asked for many at a time. */
const poolSize = 4_096;

/** The platform's cryptographic random bytes, each handed out once. */
export const systemRandom: RandomBytes = pooled();

function pooled(): RandomBytes {
  let pool = new Uint8Array(0);
  let used = 0;
  return (length) => {
    if (length > poolSize) return crypto.getRandomValues(new Uint8Array(length));
    if (used + length > pool.length) {
      pool = crypto.getRandomValues(new Uint8Array(poolSize));
      used = 0;
    }
    used += length;
    // A copy: what is handed out must not be seen through the pool's buffer.
    return pool.slice(used - length, used);
  };
}

/** `length` random bytes as lower-case hex, never all zero (an all-zero trace id is invalid, W3C Trace Context §3.2.2.3). */
export function randomHex(length: number, random: RandomBytes = systemRandom): string {
  for (;;) {
    const bytes = random(length);
    if (bytes.some((byte) => byte !== 0)) return hex(bytes);
  }
}
