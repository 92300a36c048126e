import { unreadable } from "../usage/members.ts";

/** A count as a caller or a request states it. @throws ValidationError for what is no whole number. */
export function whole(count: unknown, pointer: string): number {
  if (typeof count === "number" && Number.isSafeInteger(count) && count >= 0) return count;
  throw unreadable(pointer, `${String(count)} is not a whole number of tokens`);
}
