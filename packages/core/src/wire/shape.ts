import { mostIssues, shortened } from "./bounds.ts";
import type { ParsedWire, WireIssue, WireReader } from "./schema.ts";

// A schema library of our own, as small and as fast as the clients need it: zod alone is larger than a client may be.
// `toZod` makes a zod schema of any shape, for those who build on zod.

/** What a shape is made of, so that another engine can be built on it. */
export type Parts =
  | { readonly kind: "leaf" }
  | { readonly kind: "object"; readonly members: Members; readonly isClosed: boolean; readonly message: string }
  | { readonly kind: "list"; readonly item: Shape<unknown>; readonly message: string }
  | { readonly kind: "optional"; readonly inner: Shape<unknown> }
  | {
      readonly kind: "refined";
      readonly inner: Shape<unknown>;
      readonly test: (value: never) => boolean;
      readonly message: string;
    };

/** Reads a value, or adds to `issues` what is wrong with it; what it returns then is not to be used. */
export type Read<Value> = (value: unknown, issues: WireIssue[]) => Value;

/** Checks a wire value and hands it out typed: a copy wherever something may be changed. */
export class Shape<Value> implements WireReader<Value> {
  readonly read: Read<Value>;
  readonly parts: Parts;

  constructor(read: Read<Value>, parts: Parts = { kind: "leaf" }) {
    this.read = read;
    this.parts = parts;
  }

  /** The value as it is read, or the issues that keep it from being read. Never throws. */
  safeParse(value: unknown): ParsedWire<Value> {
    const issues: WireIssue[] = [];
    const data = this.read(value, issues);
    return issues.length === 0 ? { success: true, data } : { success: false, error: { issues } };
  }
}

/** A member that may be missing, or `null` for missing; it is then absent from what is read. */
export type OptionalShape<Value> = Shape<Value | undefined> & { readonly parts: { readonly kind: "optional" } };

/** The members of an object, by name. */
export type Members = Readonly<Record<string, Shape<unknown>>>;

type ValueOf<Part> = Part extends Shape<infer Value> ? Value : never;
type OptionalNames<Of extends Members> = {
  [Name in keyof Of]: Of[Name] extends { readonly parts: { readonly kind: "optional" } } ? Name : never;
}[keyof Of];

/** The object that members describe. */
export type ObjectOf<Of extends Members> = {
  [Name in Exclude<keyof Of, OptionalNames<Of>>]: ValueOf<Of[Name]>;
} & { [Name in OptionalNames<Of>]?: ValueOf<Of[Name]> };

/** Adds an issue. What is returned stands in for a value: nobody uses it once there is an issue. */
function refuse(issues: WireIssue[], message: string, path: PropertyKey[] = []): never {
  issues.push({ path, message });
  return undefined as never;
}

/** The issues since `from` are those of a member: their paths begin with its name. */
function placeUnder(name: PropertyKey, issues: WireIssue[], from: number): void {
  for (let at = from; at < issues.length; at += 1) issues[at]?.path.unshift(name);
}

/** A value that `accepts` takes as it is. */
/* @__NO_SIDE_EFFECTS__ */
export function leaf<Value>(accepts: (value: unknown) => boolean, message: string): Shape<Value> {
  return new Shape((value, issues) => (accepts(value) ? (value as Value) : refuse(issues, message)));
}

/** A value that `convert` turns into another; `undefined` from it is a refusal. */
/* @__NO_SIDE_EFFECTS__ */
export function converted<Value>(convert: (value: unknown) => Value | undefined, message: string): Shape<Value> {
  return new Shape((value, issues) => convert(value) ?? refuse(issues, message));
}

/* @__NO_SIDE_EFFECTS__ */
export function optional<Value>(inner: Shape<Value>): OptionalShape<Value> {
  const read: Read<Value | undefined> = (value, issues) =>
    value === undefined ? undefined : inner.read(value, issues);
  return new Shape(read, { kind: "optional", inner }) as OptionalShape<Value>;
}

/* @__NO_SIDE_EFFECTS__ */
export function list<Item>(item: Shape<Item>, message = "must be a list"): Shape<Item[]> {
  const read: Read<Item[]> = (value, issues) => {
    if (!Array.isArray(value)) return refuse(issues, message);
    const items: Item[] = [];
    for (let at = 0; at < value.length && issues.length < mostIssues; at += 1) {
      const before = issues.length;
      items.push(item.read(value[at], issues));
      if (issues.length > before) placeUnder(at, issues, before);
    }
    return items;
  };
  return new Shape(read, { kind: "list", item, message });
}

/** `inner`, and a rule about what it read. */
/* @__NO_SIDE_EFFECTS__ */
export function refined<Value>(inner: Shape<Value>, test: (value: Value) => boolean, message: string): Shape<Value> {
  const read: Read<Value> = (value, issues) => {
    const before = issues.length;
    const result = inner.read(value, issues);
    return issues.length > before || test(result) ? result : refuse(issues, message);
  };
  return new Shape(read, { kind: "refined", inner, test, message });
}

export function isJsonObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

const notAnObject = "must be a JSON object";

/** Members beyond the named ones are refused when it `isClosed`, and kept as they came otherwise. */
/* @__NO_SIDE_EFFECTS__ */
export function object<const Of extends Members>(members: Of, isClosed = false): Shape<ObjectOf<Of>> {
  const names = Object.keys(members);
  const shapes = Object.values(members);
  const read: Read<ObjectOf<Of>> = (value, issues) => {
    if (!isJsonObject(value)) return refuse(issues, notAnObject);
    const copy: Record<string, unknown> = { ...value };
    for (let at = 0; at < names.length; at += 1) {
      const name = names[at] ?? "";
      const given = value[name];
      const shape = shapes[at];
      if (shape === undefined) continue;
      if (shape.parts.kind === "optional" && (given === undefined || given === null)) {
        // Servers and clients write `null` for an absent member: the copy does without it.
        if (given === null) Reflect.deleteProperty(copy, name);
        continue;
      }
      const before = issues.length;
      copy[name] = shape.read(given, issues);
      if (issues.length > before) placeUnder(name, issues, before);
    }
    if (isClosed) refuseOthers(copy, members, issues);
    return copy as ObjectOf<Of>;
  };
  return new Shape(read, { kind: "object", members, isClosed, message: notAnObject });
}

function refuseOthers(value: object, members: Members, issues: WireIssue[]): void {
  let others: string[] | undefined;
  for (const name of Object.keys(value)) if (!Object.hasOwn(members, name)) (others ??= []).push(name);
  if (others !== undefined) refuse(issues, unknownMembers(others));
}

/** Names are the sender's own words, so they are cut short. */
export function unknownMembers(names: readonly string[]): string {
  const listed = names.slice(0, 5).map(shortened);
  return `has members that the protocol does not know (${listed.join(", ")}); remove them`;
}

/** An object with free names: each name and each value is checked. */
/* @__NO_SIDE_EFFECTS__ */
export function record<Value>(
  name: Shape<string>,
  item: Shape<Value>,
  message: string = notAnObject,
): Shape<Record<string, Value>> {
  return new Shape((value, issues) => {
    if (!isJsonObject(value)) return refuse(issues, message);
    const members: [string, Value][] = [];
    for (const [key, part] of Object.entries(value)) {
      if (issues.length >= mostIssues) break;
      const before = issues.length;
      name.read(key, issues);
      members.push([key, item.read(part, issues)]);
      placeUnder(key, issues, before);
    }
    return Object.fromEntries(members);
  });
}

/** One of several objects, told apart by the text of one member. */
/* @__NO_SIDE_EFFECTS__ */
export function variants<Value>(
  member: string,
  byText: Readonly<Record<string, Shape<Value>>>,
  message: string,
): Shape<Value> {
  return new Shape((value, issues) => {
    const text = isJsonObject(value) ? value[member] : undefined;
    const shape = typeof text === "string" && Object.hasOwn(byText, text) ? byText[text] : undefined;
    return shape === undefined ? refuse(issues, message, [member]) : shape.read(value, issues);
  });
}
