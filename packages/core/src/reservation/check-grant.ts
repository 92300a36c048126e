import type { Grant } from "../authority/grant.ts";
import type { ReserveRequest } from "../authority/request.ts";

/**
 * What makes a grant unusable: nothing may be spent under it. `undefined` for a sound one. An authority's code may return
 * anything, so nothing of the grant is believed before.
 */
export function flawOf(grant: Grant, { estimate }: ReserveRequest): string | undefined {
  const { id, decision, reserved, caps } = membersOf(grant);
  const { unit, amount } = membersOf(reserved);
  if (!isUsableId(id)) return "its id cannot be addressed";
  if (decision !== "ALLOW" && decision !== "ALLOW_WITH_CAPS") return "its decision is no ALLOW";
  if (unit !== estimate.unit) return `it is in ${typeof unit === "string" ? unit : "no unit"}, not in ${estimate.unit}`;
  if (typeof amount !== "bigint" || amount < 0n) return "it reserves no amount";
  if (!Array.isArray(caps)) return "its caps are no list";
  if (!caps.every((cap: unknown) => typeof membersOf(cap)["name"] === "string")) return "a cap of it has no name";
  return undefined;
}

/**
 * Whether a path of a settlement can carry the id: a dot segment would address something else, and a control character
 * or half a character is in no sound id.
 */
export function isUsableId(id: unknown): id is string {
  return typeof id === "string" && !["", ".", ".."].includes(id) && !/\p{Cc}|\p{Cs}/u.test(id);
}

function membersOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null ? (value as Readonly<Record<string, unknown>>) : {};
}
