import { hex } from "./encoding.ts";

/** A source of cryptographic randomness, injected where tests must be repeatable. */
export type RandomBytes = (length: number) => Uint8Array;

const poolSize = 1024;

/** Bytes drawn but not handed out yet: a system call for every id would cost more than the request it names. */
let pool = new Uint8Array(0);

/** The platform's cryptographic random bytes. No byte is handed out twice. */
export const systemRandom: RandomBytes = (length) => {
  if (length > poolSize) return crypto.getRandomValues(new Uint8Array(length));
  if (pool.length < length) pool = crypto.getRandomValues(new Uint8Array(poolSize));
  const bytes = pool.slice(0, length);
  pool = pool.subarray(length);
  return bytes;
};

/** `length` random bytes as lower-case hex, never all zero (an all-zero trace id is invalid, W3C Trace Context §3.2.2.3). */
export function randomHex(length: number, random: RandomBytes = systemRandom): string {
  for (;;) {
    const bytes = random(length);
    if (bytes.some((byte) => byte !== 0)) return hex(bytes);
  }
}
