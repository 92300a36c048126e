import canonicalizeJson from "canonicalize";
import { ValidationError } from "../errors/local-errors.ts";
import { pointerOf } from "../wire/pointer.ts";
import type { JsonValue } from "./strict-json.ts";

/** Deeper values are refused: they are an attack, or a value that contains itself. */
const maxDepth = 1000;

/**
 * The JSON Canonicalization Scheme (RFC 8785) over a parsed value: one text for one value, to be hashed and signed as
 * UTF-8. The values that a serialiser would silently turn into others are refused: `undefined`, dates, maps, boxed
 * values, anything with a `toJSON`, holes in arrays, lone surrogates, NaN and infinities.
 * @throws ValidationError with a JSON pointer to the first part that is not JSON.
 */
export function canonicalize(value: JsonValue): string {
  assertJson(value, []);
  return canonicalizeJson(value) as string;
}

function assertJson(value: unknown, path: PropertyKey[]): void {
  switch (typeof value) {
    case "boolean":
      return;
    case "string":
      if (!value.isWellFormed()) throw notJson(path, "holds half of a surrogate pair");
      return;
    case "number":
      if (!Number.isFinite(value)) throw notJson(path, "is not a finite number");
      return;
    case "object":
      if (value !== null) assertContainer(value, path);
      return;
    default:
      throw notJson(path, `is of type ${typeof value}, which JSON does not have`);
  }
}

function assertContainer(container: object, path: PropertyKey[]): void {
  if (path.length >= maxDepth) throw notJson([], `nests deeper than ${maxDepth} levels, or contains itself`);
  const keys = Array.isArray(container) ? container.keys() : keysOf(container, path);
  for (const key of keys) {
    path.push(key);
    if (typeof key === "string" && !key.isWellFormed()) throw notJson(path, "has half of a surrogate pair in its name");
    assertJson(Reflect.get(container, key), path);
    path.pop();
  }
}

function keysOf(object: object, path: readonly PropertyKey[]): string[] {
  const prototype: unknown = Object.getPrototypeOf(object);
  if (prototype !== Object.prototype && prototype !== null) throw notJson(path, "is not a plain object");
  return Object.keys(object);
}

function notJson(path: readonly PropertyKey[], message: string): ValidationError {
  return new ValidationError("value to canonicalise", [{ pointer: pointerOf(path), message }]);
}
