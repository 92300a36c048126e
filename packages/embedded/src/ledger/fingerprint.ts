import { hex, utf8 } from "@imprest/core/internal";
import { sha256 } from "@noble/hashes/sha2.js";
import { flatCopy, flatText } from "./flat-text.ts";
import { LedgerRefusal } from "./refusal.ts";

/** Longer canonical texts are remembered by their digest. */
const longestKept = 200;
const deepest = 64;

/**
 * One text for one payload, whatever the order of its members and whether an integer came as a number or a bigint, so
 * that a reused idempotency key can be distinguished from a replay (Cycles §IDEMPOTENCY).
 * @throws LedgerRefusal INVALID_REQUEST for what JSON cannot hold, or nests deeper than 64 levels.
 */
export function fingerprint(payload: unknown): string {
  const parts: string[] = [];
  write(payload, parts, 0);
  const text = flatText(parts);
  return text.length <= longestKept ? text : flatCopy(hex(sha256(utf8(text))));
}

function write(value: unknown, parts: string[], depth: number): void {
  switch (typeof value) {
    case "string":
      parts.push(JSON.stringify(value));
      return;
    case "bigint":
    case "boolean":
      parts.push(String(value));
      return;
    case "number":
      if (!Number.isFinite(value)) break;
      parts.push(String(value));
      return;
    case "undefined":
      return;
    case "object":
      if (value === null) parts.push("null");
      else if (depth < deepest) writeObject(value, parts, depth + 1);
      else throw new LedgerRefusal("INVALID_REQUEST", `The request nests deeper than ${deepest} levels; flatten it.`);
      return;
    default:
  }
  throw new LedgerRefusal("INVALID_REQUEST", `The request holds a ${typeof value} that JSON cannot carry.`);
}

function writeObject(value: object, parts: string[], depth: number): void {
  if (Array.isArray(value)) {
    parts.push("[");
    for (const item of value) {
      write(item, parts, depth);
      parts.push(",");
    }
    parts.push("]");
    return;
  }
  parts.push("{");
  for (const key of Object.keys(value).sort()) {
    const member: unknown = Reflect.get(value, key);
    if (member === undefined) continue;
    parts.push(JSON.stringify(key), ":");
    write(member, parts, depth);
    parts.push(",");
  }
  parts.push("}");
}
