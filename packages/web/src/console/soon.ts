/** Less time than this deserves a colour. */
const soonMs = 15 * 60_000;

/** Whether a budget runs out so soon that it should be seen. */
export function isSoon(exhaustsAtMs: number | undefined, nowMs: number): boolean {
  return exhaustsAtMs !== undefined && exhaustsAtMs - nowMs < soonMs;
}
