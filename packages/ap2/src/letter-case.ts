import { AP2MandateError } from "./errors.ts";

/** A copy with every member, at any depth, named in snake case. @throws AP2MandateError when two become one. */
export function inSnakeCase(value: object): Record<string, unknown> {
  return renamed(value, (name) => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)) as Record<
    string,
    unknown
  >;
}

/** A copy with its own members named in camel case. @throws AP2MandateError when two become one. */
export function inCamelCase(value: object): object {
  const camel = (name: string): string => name.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());
  return distinct(Object.entries(value).map(([name, member]) => [camel(name), member as unknown]));
}

/** A copy with every member's name passed through `rename`. @throws AP2MandateError when two become one. */
function renamed(value: unknown, rename: (name: string) => string): unknown {
  if (Array.isArray(value)) return value.map((item) => renamed(item, rename));
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value).map(([name, member]) => [rename(name), renamed(member, rename)] as const);
  return distinct(entries);
}

function distinct(entries: readonly (readonly [string, unknown])[]): Record<string, unknown> {
  const names = new Set(entries.map(([name]) => name));
  if (names.size < entries.length)
    throw new AP2MandateError("A member stands there in both snake and camel case; give one.");
  return Object.fromEntries(entries);
}
