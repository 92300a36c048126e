import type { JobState } from "./job-state.ts";

/** A job and all those that it delegated to: one settles for all of them. */
function familyOf(job: JobState): readonly JobState[] {
  const family = [job];
  for (const { children } of family) for (const child of children) family.push(child);
  return family;
}

/** What they have spent, in 10^-12 by currency. */
export function familyCosts(job: JobState): Map<string, bigint> {
  const total = new Map<string, bigint>();
  for (const { costs } of familyOf(job)) {
    for (const [currency, units] of costs) total.set(currency, (total.get(currency) ?? 0n) + units);
  }
  return total;
}

/** True when events of any of them are missing, or may be: more may have been spent than is known. */
export function familyMissesEvents(job: JobState): boolean {
  return familyOf(job).some(({ eventsMissing, inDoubt }) => eventsMissing || inDoubt);
}
