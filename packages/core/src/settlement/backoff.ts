import { type RandomBytes, systemRandom } from "../platform/random.ts";

const baseDelayMs = 500;
const longestDelayMs = 30_000;

/** Milliseconds before retry number `attempt` (0 for the first): exponential with full jitter, at most 30 s. */
export function retryDelayMs(attempt: number, random: RandomBytes = systemRandom): number {
  const ceiling = Math.min(longestDelayMs, baseDelayMs * 2 ** Math.min(attempt, 16));
  const [high = 0, low = 0] = random(2);
  return Math.floor((ceiling * (high * 256 + low)) / 65_536);
}
