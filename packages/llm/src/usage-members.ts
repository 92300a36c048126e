import { ValidationError } from "@imprest/core";

/** An object within a usage object. */
export type Members = Readonly<Record<string, unknown>>;

/** An object and where it stands. */
export interface Part {
  readonly members: Members;
  /** An RFC 6901 JSON pointer. */
  readonly pointer: string;
}

export function isMembers(value: unknown): value is Members {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

export function unreadable(pointer: string, message: string): ValidationError {
  return new ValidationError("price", [{ pointer, message }]);
}

/** A count; `undefined` for an absent one. @throws ValidationError for what is no whole number of tokens. */
export function count({ members, pointer }: Part, name: string): number | undefined {
  const value = members[name];
  if (value === undefined || value === null) return undefined;
  if (typeof value === "number" && Number.isSafeInteger(value) && value >= 0) return value;
  throw unreadable(`${pointer}/${name}`, "is no whole number of tokens");
}

/** The counts that are given of these names. */
export function countsOf(part: Part, names: readonly string[]): number[] {
  return names.map((name) => count(part, name)).filter((value) => value !== undefined);
}

/**
 * The objects under these names. One may be a list, because the OpenAI Agents SDK lists the details of each request; a
 * number is no object but a count of its own.
 */
export function partsOf({ members, pointer }: Part, names: readonly string[]): Part[] {
  return names.flatMap((name) => {
    const value = members[name];
    if (Array.isArray(value)) return value.flatMap((member: unknown, at) => partOf(member, `${pointer}/${name}/${at}`));
    return typeof value === "number" ? [] : partOf(value, `${pointer}/${name}`);
  });
}

function partOf(value: unknown, pointer: string): Part[] {
  if (value === undefined || value === null) return [];
  if (isMembers(value)) return [{ members: value, pointer }];
  throw unreadable(pointer, "is no object with token counts");
}

/** Each name's count, summed over the parts that give it. */
export function sumsOf(parts: readonly Part[], names: readonly string[]): number[] {
  return names.flatMap((name) => {
    const counts = parts.flatMap((part) => countsOf(part, [name]));
    return counts.length > 0 ? [counts.reduce((sum, value) => sum + value, 0)] : [];
  });
}
