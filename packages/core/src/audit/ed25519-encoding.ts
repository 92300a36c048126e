import { parseHex } from "../platform/encoding.ts";

// What engines judge differently, decided here before any of them is asked: of twelve well-known edge cases Node 24
// accepts one, Deno four, Bun, workerd and Chromium five, and Node 20 accepts a signature for every message at once.

export const publicKeyBytes = 32;
export const signatureBytes = 64;

/** The order of the base point, L = 2^252 + …, little-endian (RFC 8032 §5.1). */
const groupOrder = littleEndian("edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010");
/** The field prime, p = 2^255 - 19, little-endian. */
const fieldPrime = littleEndian("edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f");
/** The y coordinates of the eight points of small order: 0, 1, p - 1, and the two of order eight. */
const smallOrder = [
  "0000000000000000000000000000000000000000000000000000000000000000",
  "0100000000000000000000000000000000000000000000000000000000000000",
  "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
  "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
  "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
].map(littleEndian);

function littleEndian(text: string): Uint8Array {
  return parseHex(text) ?? new Uint8Array();
}

/** True for a canonical encoding of a y coordinate that no small-order point has, whatever the sign of x. */
export function isSoundPoint(bytes: Uint8Array, offset = 0): boolean {
  return isBelow(bytes, offset, fieldPrime, 0x7f) && !smallOrder.some((y) => hasCoordinate(bytes, offset, y));
}

/** True for lengths that fit, R a sound point, and S < L (RFC 8032 §5.1.7: a second S would verify too). */
export function isSoundSignature(signature: Uint8Array): boolean {
  return signature.length === signatureBytes && isSoundPoint(signature) && isBelow(signature, 32, groupOrder, 0xff);
}

/** Compares 32 little-endian bytes with a bound; the mask takes the sign bit of x away. Public data: time may vary. */
function isBelow(bytes: Uint8Array, offset: number, bound: Uint8Array, topMask: number): boolean {
  for (let at = 31; at >= 0; at--) {
    const byte = byteAt(bytes, offset + at) & (at === 31 ? topMask : 0xff);
    const limit = byteAt(bound, at);
    if (byte !== limit) return byte < limit;
  }
  return false;
}

function hasCoordinate(bytes: Uint8Array, offset: number, y: Uint8Array): boolean {
  for (let at = 0; at < 31; at++) if (bytes[offset + at] !== y[at]) return false;
  return (byteAt(bytes, offset + 31) & 0x7f) === y[31];
}

function byteAt(bytes: Uint8Array, at: number): number {
  return bytes[at] ?? 0;
}
