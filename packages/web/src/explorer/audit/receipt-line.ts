import { verifyReceipt } from "@imprest/ap2/verify";
import { StrictJsonError, parseStrictJson, syntaxFinding } from "@imprest/core/audit";
import type { EvidenceReport, VerifyEvidenceOptions } from "@imprest/cycles/evidence";

type Receipt = Parameters<typeof verifyReceipt>[0];

/** Verifies a line that should be an AP2 payment receipt with the authority's evidence in it. */
export async function verifyReceiptLine(line: Uint8Array, options: VerifyEvidenceOptions): Promise<EvidenceReport> {
  const read = readReceipt(line);
  return "code" in read ? { disposition: "signature_invalid", findings: [read] } : verifyReceipt(read, options);
}

function readReceipt(line: Uint8Array): Receipt | EvidenceReport["findings"][number] {
  try {
    const value = parseStrictJson(line, { numbers: "double" });
    // The verifier looks at what it needs; the rest of a receipt is its writer's own word.
    if (typeof value === "object" && value !== null && "schema" in value) return value as unknown as Receipt;
    return { kind: "schema", severity: "error", code: "malformed_receipt", message: "The line is no payment receipt." };
  } catch (error) {
    if (StrictJsonError.isInstance(error)) return syntaxFinding(error);
    throw error;
  }
}
