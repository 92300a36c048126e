import { issuesOf, parseJson } from "@imprest/core/internal";
import { type Finding, type JsonObject, StrictJsonError, parseStrictJson, syntaxFinding } from "@imprest/core/audit";
import { type EvidenceEnvelope, evidenceEnvelope, evidenceSchemaVersion } from "@imprest/core/models/cycles";
import { invariantFindings } from "./invariants.ts";

/** What a text must hold before its hash and signature can be looked at. */
export interface ReadEvidence {
  /** As it is hashed. */
  readonly json: JsonObject;
  readonly text: string;
  readonly serverId: string;
  readonly signerDid: string;
  readonly issuedAtMs: number;
  readonly evidenceId: string;
  readonly signature: string;
  /** Numbers that the hash does not pin down. */
  readonly findings: readonly Finding[];
}

/** Reads an envelope, or says why it cannot be one. */
export function readEvidence(input: string | Uint8Array, maxBytes: number | undefined): ReadEvidence | Finding {
  const text = typeof input === "string" ? input : new TextDecoder("utf-8", { ignoreBOM: true }).decode(input);
  let json: unknown;
  const findings: Finding[] = [];
  try {
    json = parseStrictJson(input, { maxBytes });
  } catch (error) {
    if (!StrictJsonError.isInstance(error)) throw error;
    if (!lossyNumber.includes(error.reason)) return syntaxFinding(error);
    // JCS hashes doubles, so the signature may hold all the same; but the digits as written are not what it covers.
    findings.push(syntaxFinding(error));
    try {
      json = parseStrictJson(input, { maxBytes, numbers: "double" });
    } catch (other) {
      if (StrictJsonError.isInstance(other)) return syntaxFinding(other);
      throw other;
    }
  }
  if (typeof json !== "object" || json === null || Array.isArray(json))
    return unreadable("not_an_envelope", "The text is no JSON object.");
  return readMembers(json as JsonObject, text, findings);
}

const lossyNumber: readonly string[] = ["inexact_integer", "number_underflow", "negative_zero"];

function readMembers(json: JsonObject, text: string, findings: readonly Finding[]): ReadEvidence | Finding {
  if (json["schema_version"] !== evidenceSchemaVersion) {
    return unreadable("unknown_schema_version", `Only ${evidenceSchemaVersion} is understood.`);
  }
  const { server_id: serverId, signer_did: signerDid, issued_at_ms: issuedAtMs } = json;
  const { evidence_id: evidenceId, signature } = json;
  if (
    typeof serverId !== "string" ||
    typeof signerDid !== "string" ||
    typeof issuedAtMs !== "number" ||
    typeof evidenceId !== "string" ||
    typeof signature !== "string"
  ) {
    return unreadable("not_an_envelope", "A member that every envelope has is missing or of another type.");
  }
  return { json, text, serverId, signerDid, issuedAtMs, evidenceId, signature, findings };
}

function unreadable(code: string, message: string): Finding {
  return { kind: "schema", severity: "error", code, message };
}

/** Sixteen digits in a row are the least that an integer beyond 2^53 - 1 can have. */
const mayHoldLargeInteger = /\d{16}/;

/** The envelope, typed and with exact amounts, and everything its content does wrong. */
export function readContent({ json, text }: ReadEvidence): {
  readonly envelope?: EvidenceEnvelope | undefined;
  readonly findings: readonly Finding[];
} {
  const result = evidenceEnvelope.safeParse(mayHoldLargeInteger.test(text) ? parseJson(text) : json);
  if (result.success) {
    const { data: envelope } = result;
    return { envelope, findings: invariantFindings(envelope, json["payload"] as JsonObject) };
  }
  const findings = issuesOf(result.error).map((issue): Finding => ({
    kind: "schema",
    severity: "error",
    code: "schema_violation",
    ...issue,
  }));
  return { findings };
}
