/** The signed 64-bit range that Cycles amounts live in (Cycles §Amount). */
export const int64Max: bigint = 2n ** 63n - 1n;
export const int64Min: bigint = -(2n ** 63n);

/** True for what a signed 64-bit integer holds. */
export function isInt64(value: bigint): boolean {
  return value >= int64Min && value <= int64Max;
}
