/** However long a server asks to wait, a settlement is tried again within the hour. */
const longestMs = 3_600_000;

/**
 * Reads `Retry-After` in delta-seconds, the only form Cycles allows (Cycles §Retry-After); an HTTP-date or anything
 * else counts as absent.
 * @returns milliseconds, at most `capMs`.
 */
export function parseRetryAfter(value: string | undefined, capMs: number = longestMs): number | undefined {
  if (value === undefined || !/^\s*\d+\s*$/.test(value)) return undefined;
  return Math.min(Number(value) * 1_000, capMs);
}
