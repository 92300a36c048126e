import { hex } from "./encoding.ts";

/** A source of cryptographic randomness, injected where tests must be repeatable. */
export type RandomBytes = (length: number) => Uint8Array;

/** The platform's cryptographic random bytes. */
export const systemRandom: RandomBytes = (length) => crypto.getRandomValues(new Uint8Array(length));

/** `length` random bytes as lower-case hex, never all zero (an all-zero trace id is invalid, W3C Trace Context §3.2.2.3). */
export function randomHex(length: number, random: RandomBytes = systemRandom): string {
  for (;;) {
    const bytes = random(length);
    if (bytes.some((byte) => byte !== 0)) return hex(bytes);
  }
}
