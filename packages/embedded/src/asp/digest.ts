import { hex, utf8 } from "@imprest/core/internal";
import { sha256 } from "@noble/hashes/sha2.js";
import { fingerprint } from "../ledger/fingerprint.ts";

/** One short text for one payload, that says nothing of it: it stands in signed events. */
export function digestOf(payload: unknown): string {
  return hex(sha256(utf8(fingerprint(payload))));
}
