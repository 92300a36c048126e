import type { Grant } from "../authority/grant.ts";
import type { ReserveRequest } from "../authority/request.ts";

/** What makes a grant unusable: nothing may be spent under it. `undefined` for a sound one. */
export function flawOf({ id, reserved }: Grant, { estimate }: ReserveRequest): string | undefined {
  if (!isUsableId(id)) return "its id cannot be addressed";
  if (reserved.unit !== estimate.unit) return `it is in ${reserved.unit}, and the request was in ${estimate.unit}`;
  if (reserved.amount < 0n) return "it reserves a negative amount";
  return undefined;
}

/**
 * Whether a path of a settlement can carry the id: a dot segment would address something else, and a control character
 * is in no sound id.
 */
export function isUsableId(id: string): boolean {
  return typeof id === "string" && !["", ".", ".."].includes(id) && !/\p{Cc}/u.test(id);
}
