import { utf8 } from "@imprest/core/internal";
import { type JsonObject, canonicalize, sha256Hex } from "@imprest/core/audit";

/**
 * The canonical form that is hashed: both `evidence_id` and `signature` present and empty, neither left out nor null
 * (Cycles evidence, "Hash derivation").
 */
export function hashInput(envelope: JsonObject): string {
  return canonicalize({ ...envelope, evidence_id: "", signature: "" });
}

/** The evidence id of an envelope whose `hashInput` this is. */
export function evidenceIdOf(hashed: string): Promise<string> {
  return sha256Hex(utf8(hashed));
}

const emptyId = '"evidence_id":""';

/** What is signed: the hashed form with the id filled in, the signature still empty ("Signature derivation"). */
export function signingInput(envelope: JsonObject, hashed: string, evidenceId: string): Uint8Array {
  const at = hashed.indexOf(emptyId);
  // Quotes within a string are escaped, so these characters are a member; if there is one only, it is the envelope's.
  if (at !== hashed.lastIndexOf(emptyId))
    return utf8(canonicalize({ ...envelope, evidence_id: evidenceId, signature: "" }));
  const id = canonicalize(evidenceId);
  return utf8(`${hashed.slice(0, at)}"evidence_id":${id}${hashed.slice(at + emptyId.length)}`);
}
