import type { KeyProblem } from "./key-lookup.ts";
import type { StrictJsonError } from "./strict-json-error.ts";

/**
 * What verification established about a signature and its signer; exactly one per report (Cycles §CyclesEvidenceJwks,
 * "Verification dispositions"). What the signed content says is judged apart, in the findings.
 * - `authentic`: the signature is valid, and its key was the signer's at that time.
 * - `binding_only`: the signature is valid under the named key; whose key that is was not established.
 * - `signer_authority_failed`: the signer's keys are known, and this key is not one of them at that time.
 * - `signer_resolution_failed`: the signer's keys could not be obtained. Says nothing about the bytes.
 * - `signature_invalid`: the bytes are not what was signed, or cannot be what is signed.
 */
export type Disposition =
  | "authentic"
  | "binding_only"
  | "signer_authority_failed"
  | "signer_resolution_failed"
  | "signature_invalid";

/** What a finding is about. */
export type FindingKind =
  /** The text is not I-JSON. */
  | "syntax"
  /** The signature or a hash. */
  | "signature"
  /** The signer's key and the right to use it. */
  | "signer"
  /** Members, types, and rules between them. */
  | "schema"
  /** The object is not the one that was asked for. */
  | "expectation"
  /** Several objects do not fit together. */
  | "lifecycle";

/** One thing that verification found. */
export interface Finding {
  readonly kind: FindingKind;
  /** An error means that the object must not be relied on; a warning is for the reader to weigh. */
  readonly severity: "error" | "warning";
  /** Stable and meant for programs, `snake_case`. */
  readonly code: string;
  readonly message: string;
  /** RFC 6901 pointer into the object; absent when the whole is meant. */
  readonly pointer?: string | undefined;
  readonly line?: number | undefined;
  readonly column?: number | undefined;
}

/** What verifying one signed object established. */
export interface VerificationReport {
  readonly disposition: Disposition;
  readonly findings: readonly Finding[];
}

/** True when a finding of the report is an error. A report without one is not yet authentic: read the disposition. */
export function hasErrors(report: VerificationReport): boolean {
  return report.findings.some((finding) => finding.severity === "error");
}

/** The finding for a text that is not I-JSON. */
export function syntaxFinding({ reason, message, line, column }: StrictJsonError): Finding {
  return { kind: "syntax", severity: "error", code: reason, message, line, column };
}

/** The finding for a key that was not found. */
export function signerFinding({ code, message }: KeyProblem): Finding {
  return { kind: "signer", severity: "error", code, message };
}
