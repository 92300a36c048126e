/**
 * What a stream has said so far with what it says now: members that are given replace, `null` and absent ones do not.
 * Anthropic repeats in its last delta some counts of the first event, as `null`.
 */
export function mergeUsage(before: unknown, now: unknown): unknown {
  if (now === null || now === undefined) return before;
  if (typeof before !== "object" || before === null || typeof now !== "object") return now;
  const given = Object.entries(now).filter(([, value]) => value !== null && value !== undefined);
  return { ...before, ...Object.fromEntries(given) };
}
