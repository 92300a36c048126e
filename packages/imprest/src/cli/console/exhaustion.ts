import type { SourceRow } from "./source.ts";

/** What had been spent, and when by a clock that does not jump. */
export interface Sample {
  readonly monotonicMs: number;
  readonly spent: bigint;
}

/** The rate is that of the last ten minutes, or of as much of them as was seen. */
const windowMs = 600_000;
/** One call in less than this is no rate. */
const shortestMs = 5_000;
/** What `Date` can hold. */
const latestMs = 8_640_000_000_000_000n;

/**
 * When nothing remains of a budget, if spending goes on as in the last ten minutes: `remaining × elapsed ÷ spent meanwhile`,
 * in whole numbers throughout, rounded down to the millisecond.
 * @param samples earlier ones, ascending by time. A fall begins a new reckoning: it is a new period, or a correction.
 * @returns `undefined` where there is no rate, nothing remains already, or a new period begins before.
 */
export function exhaustsAt(
  row: Pick<SourceRow, "remaining" | "spent" | "period" | "status">,
  samples: readonly Sample[],
  now: { readonly wallMs: number; readonly monotonicMs: number },
): number | undefined {
  const remaining = BigInt(row.remaining);
  if (remaining <= 0n || (row.status !== undefined && row.status !== "ACTIVE")) return undefined;
  let next: Sample = { monotonicMs: now.monotonicMs, spent: BigInt(row.spent) };
  for (const sample of samples.toReversed()) {
    if (sample.monotonicMs < now.monotonicMs - windowMs || sample.spent > next.spent) break;
    next = sample;
  }
  const elapsedMs = Math.floor(now.monotonicMs - next.monotonicMs);
  const spent = BigInt(row.spent) - next.spent;
  if (elapsedMs < shortestMs || spent <= 0n) return undefined;
  const atMs = BigInt(Math.floor(now.wallMs)) + (remaining * BigInt(elapsedMs)) / spent;
  if (atMs > latestMs || (row.period !== undefined && atMs >= BigInt(row.period.endsAtMs))) return undefined;
  return Number(atMs);
}
