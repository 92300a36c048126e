import { ValidationError } from "../../errors/local-errors.ts";
import { isAtomicAmount, parseAtomicAmount } from "./atomic-amount.ts";
import { parseTimestamp } from "./timestamp.ts";

/**
 * One type of the proto3 JSON mapping, in both directions. Written by hand and not as a schema, because the mapping is
 * no shape check: every field has two names, an enum two forms, bytes two alphabets, and a default stands for absence.
 */
export interface ProtoCodec<Value> {
  /** @returns `undefined` for what the mapping counts as absent. @throws ValidationError with a pointer. */
  read(json: unknown, pointer: string): Value | undefined;
  /** @throws ValidationError with a pointer for what the wire cannot hold. */
  write(value: Value, pointer: string): unknown;
}

/** Text; the empty one is absent. */
export const text: ProtoCodec<string> = {
  read(json, pointer) {
    if (typeof json !== "string") throw unfit(pointer, "must be text");
    return json === "" ? undefined : json;
  },
  write(value, pointer) {
    if (typeof value !== "string" || !value.isWellFormed()) throw unfit(pointer, "must be well-formed text");
    return value;
  },
};

/** A decimal string of at most 38 digits (ASP §4 `amount_atomic`). A JSON number is refused: it may have lost digits. */
export const atomic: ProtoCodec<bigint> = {
  read(json, pointer) {
    if (json === "") return undefined;
    const value = parseAtomicAmount(json);
    if (value === undefined) throw unfit(pointer, "must be a decimal string of at most 38 digits");
    return value;
  },
  write(value, pointer) {
    if (typeof value === "bigint" && isAtomicAmount(value)) return value.toString();
    throw unfit(pointer, "must be a bigint from 0 to 38 digits");
  },
};

/** An RFC 3339 timestamp, kept as written: nanoseconds do not fit a date. */
export const timestamp: ProtoCodec<string> = {
  read(json, pointer) {
    if (typeof json === "string" && parseTimestamp(json) !== undefined) return json;
    throw unfit(pointer, "must be an RFC 3339 timestamp");
  },
  write(value, pointer) {
    if (parseTimestamp(value) === undefined) throw unfit(pointer, "must be an RFC 3339 timestamp");
    return value;
  },
};

/** Bytes: standard base64 is written; both alphabets, padded or not, are read. No bytes are absent. */
export const bytes: ProtoCodec<Uint8Array> = {
  read(json, pointer) {
    const bare =
      typeof json === "string"
        ? json
            .replaceAll("-", "+")
            .replaceAll("_", "/")
            .replace(/={1,2}$/, "")
        : "!";
    if (!/^[A-Za-z0-9+/]*$/.test(bare) || bare.length % 4 === 1) throw unfit(pointer, "must be base64");
    return bare === "" ? undefined : Uint8Array.from(atob(bare), (character) => character.charCodeAt(0));
  },
  write: (value) => btoa(String.fromCharCode(...value)),
};

/** An enum by name or number. An unknown one is kept as text: what to make of it is the reader's to decide. */
export function enumeration(names: readonly string[]): ProtoCodec<string> {
  return {
    read(json, pointer) {
      if (typeof json === "string" && json !== "") return json;
      if (typeof json === "number" && Number.isInteger(json)) return names[json] ?? String(json);
      throw unfit(pointer, "must be the name or the number of an enum value");
    },
    write(value, pointer) {
      if (!names.includes(value)) throw unfit(pointer, `must be one of ${names.join(", ")}`);
      return value;
    },
  };
}

/** A `google.protobuf.Struct`. */
export type ProtoStruct = Readonly<Record<string, unknown>>;

/** A JSON object whose numbers are doubles. A bigint is written as text; a number that a double cannot hold is refused. */
export const struct: ProtoCodec<ProtoStruct> = {
  read(json, pointer) {
    if (!isObject(json)) throw unfit(pointer, "must be an object");
    return json;
  },
  write(value, pointer) {
    if (!isObject(value)) throw unfit(pointer, "must be an object");
    return writeValue(value, pointer, 0);
  },
};

/** Deeper values are a mistake, or contain themselves. */
const mostLevels = 64;

function writeValue(value: unknown, pointer: string, level: number): unknown {
  if (value === null || typeof value === "boolean") return value;
  if (typeof value === "string") return text.write(value, pointer);
  if (typeof value === "bigint") return value.toString();
  if (typeof value === "number") {
    const isExact = Number.isFinite(value) && (!Number.isInteger(value) || Number.isSafeInteger(value));
    if (!isExact) throw unfit(pointer, "is a number that a double does not hold exactly; pass a bigint or text");
    return value;
  }
  if (level >= mostLevels) throw unfit(pointer, "nests too deep");
  if (Array.isArray(value)) return value.map((item, at) => writeValue(item, `${pointer}/${at}`, level + 1));
  if (!isObject(value)) throw unfit(pointer, "is not plain JSON");
  const members = Object.entries(value).filter(([, member]) => member !== undefined);
  return Object.fromEntries(
    members.map(([name, member]) => [name, writeValue(member, `${pointer}/${name}`, level + 1)]),
  );
}

/** A repeated field; an empty one is absent. */
export function list<Item>(item: ProtoCodec<Item>): ProtoCodec<readonly Item[]> {
  return {
    read(json, pointer) {
      if (!Array.isArray(json)) throw unfit(pointer, "must be a list");
      if (json.length === 0) return undefined;
      return json.map((element, at) => {
        const value = item.read(element, `${pointer}/${at}`);
        if (value === undefined) throw unfit(`${pointer}/${at}`, "is empty");
        return value;
      });
    },
    write: (value, pointer) => value.map((element, at) => item.write(element, `${pointer}/${at}`)),
  };
}

type Fields<Message> = { readonly [Name in keyof Message]-?: ProtoCodec<Exclude<Message[Name], undefined>> };

/**
 * A message. Written under lowerCamelCase names; read under those or the names of the `.proto` file, but not both.
 * Unknown fields are ignored.
 * @param required names that must be there, though proto3 itself requires nothing.
 */
export function message<Message extends object>(
  fields: Fields<Message>,
  required: readonly (keyof Message & string)[],
): ProtoCodec<Message> {
  const known = Object.entries<ProtoCodec<unknown>>(fields).map(([name, codec]) => {
    const protoName = name.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
    return { name, protoName, codec, isRequired: required.some((field) => field === name) };
  });
  return {
    read(json, pointer) {
      if (!isObject(json)) throw unfit(pointer, "must be an object");
      const read: Record<string, unknown> = {};
      for (const { name, protoName, codec, isRequired } of known) {
        const value = readField(json, name, protoName, codec, pointer);
        if (value !== undefined) read[name] = value;
        else if (isRequired) throw unfit(`${pointer}/${protoName}`, "is missing");
      }
      // Each member was read by the codec of its own field.
      return read as Message;
    },
    write(value, pointer) {
      const written: Record<string, unknown> = {};
      for (const { name, protoName, codec, isRequired } of known) {
        const member: unknown = Reflect.get(value, name);
        const isAbsent = member === undefined || member === "";
        if (isAbsent && isRequired) throw unfit(`${pointer}/${protoName}`, "is missing");
        if (!isAbsent) written[name] = codec.write(member, `${pointer}/${protoName}`);
      }
      return written;
    },
  };
}

function readField(
  json: Record<string, unknown>,
  name: string,
  protoName: string,
  codec: ProtoCodec<unknown>,
  pointer: string,
): unknown {
  const hasName = Object.hasOwn(json, name);
  if (hasName && name !== protoName && Object.hasOwn(json, protoName)) {
    throw unfit(`${pointer}/${protoName}`, `is given twice, as ${name} and as ${protoName}`);
  }
  const member = Object.hasOwn(json, hasName ? name : protoName) ? json[hasName ? name : protoName] : undefined;
  return member === undefined || member === null ? undefined : codec.read(member, `${pointer}/${protoName}`);
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function unfit(pointer: string, problem: string): ValidationError {
  return new ValidationError("ASP message", [{ pointer, message: problem }]);
}
