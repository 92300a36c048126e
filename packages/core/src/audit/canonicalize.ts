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
  // The members of what was signed mostly stand in canonical order already; then JSON.stringify writes the same text,
  // its numbers and strings being those of RFC 8785 §3.2.2, at a third of the cost.
  return isOrderedJson(value, []) ? JSON.stringify(value) : (canonicalizeJson(value) as string);
}

/** Whether the members of every object stand in canonical order. @throws ValidationError for what is not JSON. */
function isOrderedJson(value: unknown, path: PropertyKey[]): boolean {
  switch (typeof value) {
    case "boolean":
      return true;
    case "string":
      return assertWellFormed(value, path);
    case "number":
      if (Number.isFinite(value)) return true;
      throw notJson(path, "is not a finite number");
    case "object":
      return value === null || isOrderedContainer(value, path);
    default:
      throw notJson(path, `is of type ${typeof value}, which JSON does not have`);
  }
}

function isOrderedContainer(container: object, path: PropertyKey[]): boolean {
  if (path.length >= maxDepth) throw notJson([], `nests deeper than ${maxDepth} levels, or contains itself`);
  let ordered = true;
  let previous = "";
  for (const key of Array.isArray(container) ? container.keys() : keysOf(container, path)) {
    path.push(key);
    if (typeof key === "string") {
      assertWellFormed(key, path);
      ordered &&= previous <= key;
      previous = key;
    }
    // Every part is looked at, also when the order is lost already.
    ordered = isOrderedJson(Reflect.get(container, key), path) && ordered;
    path.pop();
  }
  return ordered;
}

function keysOf(object: object, path: readonly PropertyKey[]): string[] {
  const prototype: unknown = Object.getPrototypeOf(object);
  if (prototype !== Object.prototype && prototype !== null) throw notJson(path, "is not a plain object");
  return Object.keys(object);
}

function assertWellFormed(text: string, path: readonly PropertyKey[]): true {
  if (text.isWellFormed()) return true;
  throw notJson(path, "holds half of a surrogate pair");
}

function notJson(path: readonly PropertyKey[], message: string): ValidationError {
  return new ValidationError("value to canonicalise", [{ pointer: pointerOf(path), message }]);
}
