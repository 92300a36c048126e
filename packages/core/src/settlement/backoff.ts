import type { RetryOptions } from "../authority/environment.ts";
import { ConfigurationError } from "../errors/local-errors.ts";
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

/** The options with their defaults. @throws ConfigurationError for one that would retry never, or without a pause. */
export function checkedRetries({
  firstDelayMs = 500,
  longestDelayMs = 30_000,
  attempts = Infinity,
  inBackground = 32,
}: RetryOptions = {}): { readonly attempts: number; readonly inBackground: number } {
  for (const [name, value] of Object.entries({ firstDelayMs, longestDelayMs, attempts, inBackground })) {
    if (value >= 1) continue;
    throw new ConfigurationError(`environment.retries.${name} must be a number of 1 or more.`);
  }
  return { attempts, inBackground };
}
