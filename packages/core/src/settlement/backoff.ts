import type { RetryOptions } from "../authority/environment.ts";
import { type RandomBytes, systemRandom } from "../platform/random.ts";

/** Milliseconds before retry number `attempt` (0 for the first): exponential with full jitter. */
export function retryDelayMs(
  attempt: number,
  random: RandomBytes = systemRandom,
  { firstDelayMs = 500, longestDelayMs = 30_000 }: RetryOptions = {},
): number {
  const ceiling = Math.min(longestDelayMs, firstDelayMs * 2 ** Math.min(attempt, 16));
  const [high = 0, low = 0] = random(2);
  return Math.floor((ceiling * (high * 256 + low)) / 65_536);
}
