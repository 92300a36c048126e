import type { Finding } from "@imprest/core/audit";
import { printable } from "./printable.ts";

/**
 * A finding as one line of a report. Its pointer and message may repeat names out of a file that a stranger wrote: none
 * of them starts a line of its own, or moves the cursor.
 */
export function findingLine({ code, message, pointer }: Finding): string {
  return `  ${code}${pointer ? ` at ${printable(pointer)}` : ""}: ${printable(message)}\n`;
}
