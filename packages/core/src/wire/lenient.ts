import type { WireIssue } from "./schema.ts";
import { Shape, isJsonObject, refuse, tooMany } from "./shape.ts";

/**
 * Reads what a peer wrote in a way of its own: an optional member in another form than its shape's is left out, and so is
 * an item of a list; only what a value cannot do without is refused. For answers that must not be lost over a detail; what
 * is as it should be is handed out uncopied. It writes as `shape` does.
 */
/* @__NO_SIDE_EFFECTS__ */
export function lenient<Value>(shape: Shape<Value>): Shape<Value> {
  const read = lenientRead(shape, false);
  return new Shape<Value>(
    (value, issues, isWriting) => (isWriting ? shape.read(value, issues, true) : (read(value, issues) as Value)),
    shape.parts,
    shape.message,
  );
}

/** As `lenient`, and when it reads, no member of the object itself is one that it cannot do without. */
/* @__NO_SIDE_EFFECTS__ */
export function lenientPartial<Value extends object>(shape: Shape<Value>): Shape<Partial<Value>> {
  const read = lenientRead(shape, true);
  return new Shape<Partial<Value>>(
    (value, issues, isWriting) =>
      isWriting ? shape.read(value, issues, true) : (read(value, issues) as Partial<Value>),
    shape.parts,
    shape.message,
  );
}

type LenientRead = (value: unknown, issues: WireIssue[]) => unknown;

function lenientRead(shape: Shape<unknown>, isPartial: boolean): LenientRead {
  const { parts } = shape;
  if (parts.kind === "optional") return lenientRead(parts.inner, false);
  if (parts.kind === "list") return listRead(lenientRead(parts.item, false), parts.most, shape.message);
  if (parts.kind === "union")
    return unionRead(
      parts.options.map((option) => lenientRead(option, false)),
      shape.message,
    );
  if (parts.kind !== "object") return (value, issues) => shape.read(value, issues, false);
  const members = Object.entries(parts.members).map(([name, member]) => ({
    name,
    isAbsent: member.parts.kind === "optional" ? member.parts.isAbsent : isPartial ? isNullish : never,
    isOptional: isPartial || member.parts.kind === "optional",
    read: lenientRead(member, false),
  }));
  return (value, issues) => {
    if (!isJsonObject(value)) return refuse(issues, shape.message);
    let copy: Record<string, unknown> | undefined;
    for (const { name, isAbsent, isOptional, read } of members) {
      const given = value[name];
      let member: unknown;
      if (!isAbsent(given)) {
        const before = issues.length;
        member = read(given, issues);
        if (issues.length > before) {
          if (!isOptional) return undefined;
          issues.length = before;
          member = undefined;
        }
      }
      if (member === given) continue;
      copy ??= { ...value };
      if (member === undefined) Reflect.deleteProperty(copy, name);
      else copy[name] = member;
    }
    return copy ?? value;
  };
}

function listRead(item: LenientRead, most: number, message: string): LenientRead {
  return (value, issues) => {
    if (!Array.isArray(value)) return refuse(issues, message);
    if (value.length > most) return refuse(issues, tooMany(most));
    let copy: unknown[] | undefined;
    for (const [at, given] of value.entries()) {
      const before = issues.length;
      const one: unknown = item(given, issues);
      const isFit = issues.length === before;
      issues.length = before;
      if (isFit && one === given) copy?.push(given);
      else {
        copy ??= value.slice(0, at);
        if (isFit) copy.push(one);
      }
    }
    return copy ?? value;
  };
}

function unionRead(options: readonly LenientRead[], message: string): LenientRead {
  return (value, issues) => {
    for (const read of options) {
      const own: WireIssue[] = [];
      const result = read(value, own);
      if (own.length === 0) return result;
    }
    return refuse(issues, message);
  };
}

const isNullish = (value: unknown): boolean => value === undefined || value === null;
const never = (): boolean => false;
