import type { JobState } from "./job-state.ts";

// A job and all those that it delegated to: one settles for all of them.

/** The job before those that it delegated to, however deep a runtime nests them. */
function familyOf(job: JobState): readonly JobState[] {
  const family = [job];
  for (const { children } of family) for (const child of children) family.push(child);
  return family;
}

/** What they have spent, in 10^-12 by currency. */
export function familyCosts(job: JobState): Map<string, bigint> {
  const totals = new Map<JobState, Map<string, bigint>>();
  for (const member of familyOf(job).toReversed()) {
    const total = new Map<string, bigint>(member.books.costs);
    for (const child of member.children) {
      for (const [currency, units] of totals.get(child) ?? []) total.set(currency, (total.get(currency) ?? 0n) + units);
    }
    for (const [currency, units] of member.books.stated ?? []) {
      if (units > (total.get(currency) ?? 0n)) total.set(currency, units);
    }
    totals.set(member, total);
  }
  return totals.get(job) ?? new Map<string, bigint>();
}

/** True when nothing more can have been spent: the runtime said so, or no event is missing. */
export function familyCostsAreExact(job: JobState): boolean {
  const exact = new Map<JobState, boolean>();
  for (const member of familyOf(job).toReversed()) {
    const isWhole = !member.eventsMissing && !member.inDoubt && member.children.every((child) => exact.get(child));
    exact.set(member, isWhole || member.books.stated !== undefined);
  }
  return exact.get(job) === true;
}

/** True when events of any of them are missing, or may be. */
export function familyMissesEvents(job: JobState): boolean {
  return familyOf(job).some(({ eventsMissing, inDoubt }) => eventsMissing || inDoubt);
}
