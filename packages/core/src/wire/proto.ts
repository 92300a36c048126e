import type { WireIssue } from "./schema.ts";
import {
  type Members,
  type ObjectOf,
  Shape,
  converted,
  isJsonObject,
  notAnObject,
  objectOf,
  placeUnder,
  refuse,
} from "./shape.ts";

// The dialect of proto3's JSON mapping (https://protobuf.dev/programming-guides/json): a field has two names, an enum two
// forms, bytes two alphabets, and what stands for a default is absent.

/** Text; the empty one is a default, so no required field holds it. */
export const protoText: Shape<string> = /* @__PURE__ */ converted(
  (value) => (typeof value === "string" && value !== "" ? value : undefined),
  "must be well-formed text, not empty",
  { type: "string", minLength: 1 },
  (value) => (typeof value === "string" && value !== "" && value.isWellFormed() ? value : undefined),
);

/** Bytes: standard base64 is written; both alphabets, padded or not, are read. */
export const bytes: Shape<Uint8Array> = /* @__PURE__ */ converted(
  (value) => {
    if (typeof value !== "string") return undefined;
    const bare = value
      .replaceAll("-", "+")
      .replaceAll("_", "/")
      .replace(/={1,2}$/, "");
    if (!/^[A-Za-z0-9+/]*$/.test(bare) || bare.length % 4 === 1) return undefined;
    return Uint8Array.from(atob(bare), (character) => character.charCodeAt(0));
  },
  "must be base64",
  { type: "string", contentEncoding: "base64" },
  (value) => (value instanceof Uint8Array ? btoa(String.fromCharCode(...value)) : undefined),
);

/**
 * An enum by name or number, in the order of its numbers. An unknown one is read as text, for the reader to decide what to
 * make of it, and never written.
 */
/* @__NO_SIDE_EFFECTS__ */
export function enumeration(names: readonly string[]): Shape<string> {
  return converted(
    (value) => {
      if (typeof value === "string" && value !== "") return value;
      return typeof value === "number" && Number.isInteger(value) ? (names[value] ?? String(value)) : undefined;
    },
    `must be one of ${names.join(", ")}, or its number`,
    { type: "string", enum: names },
    (value) => (names.includes(value) ? value : undefined),
  );
}

/** A `google.protobuf.Struct`. */
export type ProtoStruct = Readonly<Record<string, unknown>>;

/** A JSON object whose numbers are doubles. A bigint is written as text; a number that a double cannot hold is refused. */
export const struct: Shape<ProtoStruct> = /* @__PURE__ */ new Shape<ProtoStruct>(
  (value, issues, isWriting) => {
    if (!isJsonObject(value)) return refuse(issues, notAnObject);
    return isWriting ? (writeValue(value, issues, 0) as ProtoStruct) : value;
  },
  { kind: "leaf", schema: { type: "object" }, isConverted: true },
  notAnObject,
);

/** Deeper values are a mistake, or contain themselves. */
const mostLevels = 64;

function writeValue(value: unknown, issues: WireIssue[], level: number): unknown {
  if (value === null || typeof value === "boolean") return value;
  if (typeof value === "string") return value.isWellFormed() ? value : refuse(issues, "must be well-formed text");
  if (typeof value === "bigint") return value.toString();
  if (typeof value === "number") {
    const isExact = Number.isFinite(value) && (!Number.isInteger(value) || Number.isSafeInteger(value));
    if (isExact) return value;
    return refuse(issues, "is a number that a double does not hold exactly; pass a bigint or text");
  }
  if (level >= mostLevels) return refuse(issues, "nests too deep");
  const writePart = (part: unknown, key: string | number): unknown => {
    const before = issues.length;
    const written = writeValue(part, issues, level + 1);
    if (issues.length > before) placeUnder(key, issues, before);
    return written;
  };
  if (Array.isArray(value)) return value.map(writePart);
  if (!isJsonObject(value)) return refuse(issues, "is not plain JSON");
  const members = Object.entries(value).filter(([, member]) => member !== undefined);
  return Object.fromEntries(members.map(([name, member]) => [name, writePart(member, name)]));
}

/** What the `.proto` file calls a field. */
export function protoNameOf(name: string): string {
  return name.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

/**
 * A message. Written under lowerCamelCase names; read under those or the names of the `.proto` file, but not both. Unknown
 * fields are ignored. Pointers name fields as the `.proto` file does.
 */
/* @__NO_SIDE_EFFECTS__ */
export function message<const Of extends Members>(members: Of): Shape<ObjectOf<Of>> {
  const protoNames = new Map(Object.keys(members).map((name) => [name, protoNameOf(name)]));
  const nameOnWire = (name: string): string => protoNames.get(name) ?? name;
  return objectOf(members, "dropped", nameOnWire, (value, name, issues) => {
    const protoName = nameOnWire(name);
    const isProto = protoName !== name && Object.hasOwn(value, protoName);
    if (isProto && Object.hasOwn(value, name)) refuse(issues, `is given twice, also as ${name}`);
    return value[isProto ? protoName : name];
  });
}
