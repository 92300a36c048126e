import type { ReserveRequest, Subject } from "@imprest/core";
import { subjectLevels } from "@imprest/core/internal";
import { Refusal } from "./refusal.ts";

const prefix = "imprest-";

/**
 * Takes our own headers off a request: `imprest-agent: researcher` and so on, level by level.
 * @throws Refusal for a level that there is none of: the money would be another's.
 */
export function takeSubject(headers: Headers): Subject {
  const own = [...headers.keys()].filter((name) => name.startsWith(prefix));
  const named = own.map((name) => [name.slice(prefix.length), headers.get(name) ?? ""] as const);
  for (const name of own) headers.delete(name);
  const unknown = named.find(([level]) => !subjectLevels.some((known) => known === level));
  if (unknown) {
    throw new Refusal(
      "UNKNOWN_SUBJECT",
      `imprest-${unknown[0]} is no level of a subject; there are ${subjectLevels.join(", ")}`,
    );
  }
  return Object.fromEntries(named.filter(([, value]) => value !== ""));
}

/** Header before context before the guard's own option; the authority fills in what is left. */
export function subjectOf(...subjects: readonly (Subject | undefined)[]): ReserveRequest["subject"] {
  const given = subjects.filter((subject) => subject !== undefined);
  const merged: Subject = Object.assign({}, ...given.toReversed()) as Subject;
  return Object.keys(merged).length === 0 ? undefined : merged;
}
