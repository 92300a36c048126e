import { utf8 } from "@imprest/core";
import { type JsonObject, canonicalize, sha256Hex } from "@imprest/core/audit";

/**
 * The evidence id of an envelope: SHA-256 over its canonical form with both `evidence_id` and `signature` present and
 * empty, neither left out nor null (Cycles evidence, "Hash derivation").
 */
export function evidenceIdOf(envelope: JsonObject): Promise<string> {
  return sha256Hex(utf8(canonicalize({ ...envelope, evidence_id: "", signature: "" })));
}

/** What is signed: the canonical form with the id filled in and the signature empty ("Signature derivation"). */
export function signingInput(envelope: JsonObject, evidenceId: string): Uint8Array {
  return utf8(canonicalize({ ...envelope, evidence_id: evidenceId, signature: "" }));
}
