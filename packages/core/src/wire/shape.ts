import { mostIssues, shortened } from "./bounds.ts";
import type { ParsedWire, WireIssue, WireReader } from "./schema.ts";

// The one engine that reads and writes the wires, as small and as fast as the clients need it. What a shape is made of
// stays visible in `parts`, so that JSON Schemas and zod schemas are made of it and never written beside it.

/**
 * What a leaf may be on the wire as the protocol has it, in JSON Schema's words; what is read may be more. Bounds that
 * bind nothing (a length of zero, a number beyond 2^53 - 1) may stand here; they become no JSON Schema.
 */
export interface LeafSchema {
  readonly type?: LeafType | readonly LeafType[];
  readonly enum?: readonly (string | boolean)[];
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly pattern?: string;
  readonly format?: string;
  readonly contentEncoding?: string;
  readonly minimum?: number;
  readonly maximum?: number;
}

type LeafType = "string" | "integer" | "number" | "boolean" | "object" | "null";

/** What becomes of members that an object does not name; `dropped` in messages of proto, whose fields have two names. */
export type Others = "kept" | "refused" | "dropped";

/** What a shape is made of. */
export type Parts =
  | { readonly kind: "leaf"; readonly schema: LeafSchema; readonly isConverted?: boolean }
  | {
      readonly kind: "object";
      readonly members: Members;
      readonly others: Others;
    }
  | { readonly kind: "list"; readonly item: Shape<unknown>; readonly most: number }
  | { readonly kind: "record"; readonly name: Shape<string>; readonly item: Shape<unknown>; readonly most: number }
  | { readonly kind: "optional"; readonly inner: Shape<unknown>; readonly isAbsent: (value: unknown) => boolean }
  | { readonly kind: "union"; readonly options: readonly Shape<unknown>[] }
  | { readonly kind: "variants"; readonly member: string; readonly byText: Readonly<Record<string, Shape<unknown>>> }
  | { readonly kind: "tolerant"; readonly written: Shape<unknown>; readonly accepted: Shape<unknown> }
  | { readonly kind: "refined"; readonly inner: Shape<unknown>; readonly test: (value: never) => boolean };

/**
 * Reads a value, or adds to `issues` what is wrong with it; what it returns then is not to be used. With `isWriting` the
 * other way: a value to what stands on the wire.
 */
export type Read<Value> = (value: unknown, issues: WireIssue[], isWriting: boolean) => Value;

/** What the Standard Schema interface asks of a schema (https://standardschema.dev, version 1). */
export interface StandardProperties<Value> {
  readonly version: 1;
  readonly vendor: "imprest";
  readonly validate: (
    value: unknown,
  ) => { readonly value: Value; readonly issues?: undefined } | { readonly issues: readonly WireIssue[] };
  /** Never there: for the compiler alone. */
  readonly types?: { readonly input: unknown; readonly output: Value } | undefined;
}

/** Checks a wire value and hands it out typed: a copy wherever something may be changed. A Standard Schema. */
export class Shape<Value> implements WireReader<Value> {
  readonly read: Read<Value>;
  readonly parts: Parts;
  /** What is wrong with a value that is none at all of this shape. */
  readonly message: string;

  constructor(read: Read<Value>, parts: Parts, message = "") {
    this.read = read;
    this.parts = parts;
    this.message = message;
  }

  /** The value as it is read, or the issues that keep it from being read. Never throws. */
  safeParse(value: unknown): ParsedWire<Value> {
    const issues: WireIssue[] = [];
    return resultOf(this.read(value, issues, false), issues);
  }

  /** What is written for a value, or the issues that keep it from being written. Never throws. */
  safeWrite(value: Value): ParsedWire<unknown> {
    const issues: WireIssue[] = [];
    return resultOf<unknown>(this.read(value, issues, true), issues);
  }

  get "~standard"(): StandardProperties<Value> {
    const validate: StandardProperties<Value>["validate"] = (value) => {
      const result = this.safeParse(value);
      return result.success ? { value: result.data } : result.error;
    };
    return { version: 1, vendor: "imprest", validate };
  }
}

function resultOf<Value>(data: Value, issues: readonly WireIssue[]): ParsedWire<Value> {
  if (issues.length === 0) return { success: true, data };
  return { success: false, error: { issues: issues.slice(0, mostIssues) } };
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
export function refuse(issues: WireIssue[], message: string, path: PropertyKey[] = []): never {
  issues.push({ path, message });
  return undefined as never;
}

/** The issues since `from` are those of a member: their paths begin with its name. */
export function placeUnder(name: string | number, issues: WireIssue[], from: number): void {
  for (let at = from; at < issues.length; at += 1) issues[at]?.path.unshift(name);
}

/** A value that `accepts` takes as it is. */
/* @__NO_SIDE_EFFECTS__ */
export function leaf<Value>(accepts: (value: unknown) => boolean, message: string, schema: LeafSchema): Shape<Value> {
  const read: Read<Value> = (value, issues) => (accepts(value) ? (value as Value) : refuse(issues, message));
  return new Shape(read, { kind: "leaf", schema }, message);
}

/** A value that `convert` turns into another, and `write` back; `undefined` from either is a refusal. */
/* @__NO_SIDE_EFFECTS__ */
export function converted<Value>(
  convert: (value: unknown) => Value | undefined,
  message: string,
  schema: LeafSchema,
  write: (value: Value) => unknown = convert,
): Shape<Value> {
  const read: Read<Value> = (value, issues, isWriting) =>
    (isWriting ? (write(value as Value) as Value | undefined) : convert(value)) ?? refuse(issues, message);
  return new Shape(read, { kind: "leaf", schema, isConverted: true }, message);
}

function isNullish(value: unknown): boolean {
  return value === undefined || value === null;
}

/** A member that may be missing. Servers and clients write `null` for an absent member: it is read as absent. */
/* @__NO_SIDE_EFFECTS__ */
export function optional<Value>(
  inner: Shape<Value>,
  isAbsent: (value: unknown) => boolean = isNullish,
): OptionalShape<Value> {
  const read: Read<Value | undefined> = (value, issues, isWriting) =>
    isAbsent(value) ? undefined : inner.read(value, issues, isWriting);
  return new Shape(read, { kind: "optional", inner, isAbsent }) as OptionalShape<Value>;
}

export function tooMany(most: number): string {
  return `must have at most ${most} items`;
}

/* @__NO_SIDE_EFFECTS__ */
export function list<Item>(item: Shape<Item>, most: number = Number.POSITIVE_INFINITY): Shape<Item[]> {
  const message = "must be a list";
  const read: Read<Item[]> = (value, issues, isWriting) => {
    if (!Array.isArray(value)) return refuse(issues, message);
    if (value.length > most) return refuse(issues, tooMany(most));
    const items: Item[] = [];
    for (let at = 0; at < value.length && issues.length < mostIssues; at += 1) {
      const before = issues.length;
      items.push(item.read(value[at], issues, isWriting));
      if (issues.length > before) placeUnder(at, issues, before);
    }
    return items;
  };
  return new Shape(read, { kind: "list", item, most }, message);
}

/** `inner`, and a rule about what it read. */
/* @__NO_SIDE_EFFECTS__ */
export function refined<Value>(inner: Shape<Value>, test: (value: Value) => boolean, message: string): Shape<Value> {
  const read: Read<Value> = (value, issues, isWriting) => {
    const before = issues.length;
    const result = inner.read(value, issues, isWriting);
    return issues.length > before || test(result) ? result : refuse(issues, message);
  };
  return new Shape(read, { kind: "refined", inner, test }, message);
}

export function isJsonObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

export const notAnObject = "must be a JSON object";

/** An object whose other members are kept as they came: what a later version adds survives. */
/* @__NO_SIDE_EFFECTS__ */
export function object<const Of extends Members>(members: Of): Shape<ObjectOf<Of>> {
  return objectOf(members, "kept");
}

/** An object whose other members are refused. */
/* @__NO_SIDE_EFFECTS__ */
export function closedObject<const Of extends Members>(members: Of): Shape<ObjectOf<Of>> {
  const open = object(members);
  const read: Read<ObjectOf<Of>> = (value, issues, isWriting) => {
    const result = open.read(value, issues, isWriting);
    const others = isJsonObject(value) ? Object.keys(value).filter((name) => !Object.hasOwn(members, name)) : [];
    return others.length === 0 ? result : refuse(issues, unknownMembers(others));
  };
  return new Shape(read, { kind: "object", members, others: "refused" }, notAnObject);
}

/** Names are the sender's own words, so they are cut short. */
export function unknownMembers(names: readonly string[]): string {
  const listed = names.slice(0, 5).map(shortened);
  return `has members that the protocol does not know (${listed.join(", ")}); remove them`;
}

/** The field of `value` that is the member `name`; issues go by the name that the wire has for it. */
type Pick = (value: Readonly<Record<string, unknown>>, name: string, issues: WireIssue[]) => unknown;

/* @__NO_SIDE_EFFECTS__ */
export function objectOf<const Of extends Members>(
  members: Of,
  others: Others,
  nameOnWire: (name: string) => string = String,
  pick: Pick = (value, name) => value[name],
): Shape<ObjectOf<Of>> {
  const fields = Object.entries(members).map(([name, shape]) => ({ name, shape }));
  const read: Read<ObjectOf<Of>> = (value, issues, isWriting) => {
    if (!isJsonObject(value)) return refuse(issues, notAnObject);
    const copy: Record<string, unknown> = others === "dropped" ? {} : { ...value };
    for (const { name, shape } of fields) {
      const before = issues.length;
      const given = isWriting ? value[name] : pick(value, name, issues);
      if (shape.parts.kind !== "optional" || !shape.parts.isAbsent(given)) {
        copy[name] = shape.read(given, issues, isWriting);
      } else if (given !== undefined) Reflect.deleteProperty(copy, name);
      if (issues.length > before) placeUnder(nameOnWire(name), issues, before);
    }
    return copy as ObjectOf<Of>;
  };
  return new Shape(read, { kind: "object", members, others }, notAnObject);
}

/** An object with free names: each name and each value is checked. */
/* @__NO_SIDE_EFFECTS__ */
export function record<Value>(
  name: Shape<string>,
  item: Shape<Value>,
  most: number = Number.POSITIVE_INFINITY,
): Shape<Record<string, Value>> {
  const read: Read<Record<string, Value>> = (value, issues, isWriting) => {
    if (!isJsonObject(value)) return refuse(issues, notAnObject);
    const entries = Object.entries(value);
    if (entries.length > most) return refuse(issues, `must have at most ${most} members`);
    const members: [string, Value][] = [];
    for (const [key, part] of entries) {
      if (issues.length >= mostIssues) break;
      const before = issues.length;
      name.read(key, issues, isWriting);
      members.push([key, item.read(part, issues, isWriting)]);
      if (issues.length > before) placeUnder(shortened(key), issues, before);
    }
    return Object.fromEntries(members);
  };
  return new Shape(read, { kind: "record", name, item, most }, notAnObject);
}

/** The first of several shapes that takes a value. */
/* @__NO_SIDE_EFFECTS__ */
export function union<const Of extends readonly Shape<unknown>[]>(
  options: Of,
  message: string,
): Shape<ValueOf<Of[number]>> {
  const read: Read<ValueOf<Of[number]>> = (value, issues, isWriting) => {
    for (const option of options) {
      const own: WireIssue[] = [];
      const result = option.read(value, own, isWriting);
      if (own.length === 0) return result as ValueOf<Of[number]>;
    }
    return refuse(issues, message);
  };
  return new Shape(read, { kind: "union", options }, message);
}

/** Reads all that `accepted` does, for a later version may know more; what is written fits `written`. */
/* @__NO_SIDE_EFFECTS__ */
export function tolerant<Value>(written: Shape<Value>, accepted: Shape<Value>): Shape<Value> {
  const read: Read<Value> = (value, issues, isWriting) =>
    (isWriting ? written : accepted).read(value, issues, isWriting);
  return new Shape(read, { kind: "tolerant", written, accepted }, accepted.message);
}

/** One of several objects, told apart by the text of one member. */
/* @__NO_SIDE_EFFECTS__ */
export function variants<Value>(
  member: string,
  byText: Readonly<Record<string, Shape<Value>>>,
  message: string,
): Shape<Value> {
  const read: Read<Value> = (value, issues, isWriting) => {
    const text = isJsonObject(value) ? value[member] : undefined;
    const shape = typeof text === "string" && Object.hasOwn(byText, text) ? byText[text] : undefined;
    return shape === undefined ? refuse(issues, message, [member]) : shape.read(value, issues, isWriting);
  };
  return new Shape(read, { kind: "variants", member, byText }, message);
}
