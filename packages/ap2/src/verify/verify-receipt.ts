import type { Finding } from "@imprest/core/audit";
import {
  type EvidenceReport,
  type FetchEvidenceOptions,
  type VerifyEvidenceOptions,
  fetchEvidence,
  verifyEvidence,
} from "@imprest/cycles/evidence";
import type { EvidenceEnvelope } from "@imprest/core/models/cycles";
import { type PaymentReceipt, printable } from "../receipt.ts";

/**
 * The receipt with the authority's signed evidence in it, fetched from where the receipt says.
 * @throws VerificationError as `fetchEvidence`. A receipt without a reference comes back as it is.
 * @example
 * const complete = await embedEvidence(receipt, { trustedOrigins: ["https://cycles.example"] });
 */
export async function embedEvidence(receipt: PaymentReceipt, options: FetchEvidenceOptions): Promise<PaymentReceipt> {
  const { evidence } = receipt;
  if (evidence?.cycles_evidence_url === undefined) return receipt;
  const { evidence_id, cycles_evidence_url } = evidence;
  const envelope = await fetchEvidence({ evidence_id, cycles_evidence_url }, options);
  return printable({ ...receipt, evidence: { ...evidence, envelope } });
}

/**
 * Verifies the signed evidence that a receipt carries, and that it is of this payment: the same reservation, the same
 * amount, a commit for a committed one. A receipt without evidence proves nothing, which is what its report says.
 * @returns a report, for any receipt.
 * @example
 * const trust = { trustedOrigins: ["https://cycles.example"] };
 * const complete = await embedEvidence(receipt, trust);
 * const report = await verifyReceipt(complete, { keys: createRemoteKeySet(trust) });
 * if (report.disposition !== "authentic" || hasErrors(report)) throw new Error("The receipt proves no payment.");
 */
export async function verifyReceipt(
  receipt: PaymentReceipt,
  options: VerifyEvidenceOptions = {},
): Promise<EvidenceReport> {
  const { evidence } = receipt;
  if (evidence?.envelope === undefined) {
    const message = "The receipt carries no signed evidence, so it proves nothing to anybody else; see embedEvidence.";
    return { disposition: "signer_resolution_failed", findings: [error("no_evidence", message)] };
  }
  const expected = {
    ...options.expected,
    evidenceId: evidence.evidence_id,
    ...(receipt.committed && { artifactType: "commit" }),
    ...(receipt.reservation_id !== undefined && { reservationId: receipt.reservation_id }),
  };
  const report = await verifyEvidence(evidence.envelope, { ...options, expected });
  if (report.envelope === undefined) return report;
  return { ...report, findings: [...report.findings, ...contentFindings(receipt, report.envelope)] };
}

/** The evidence attests an answer; that it is this payment's answer is for its content to show. */
function contentFindings(receipt: PaymentReceipt, { payload, artifact_type: type }: EvidenceEnvelope): Finding[] {
  const { commit, reserve } = payload;
  if (!receipt.committed && type === "commit") return [error("other_operation", "The evidence is of a commit.")];
  if (commit && commit.request.actual.amount !== exact(receipt.amount_micros)) {
    return [error("other_amount", "The evidence is of another amount.")];
  }
  const transaction = reserve?.request.subject.dimensions?.["ap2_transaction_id"];
  if (reserve && transaction !== receipt.ap2_transaction_id) {
    return [error("other_transaction", "The evidence is of another transaction.")];
  }
  return [];
}

/** A receipt that went through `JSON` holds a number, or text. */
function exact(amount: unknown): bigint | undefined {
  if (typeof amount === "bigint") return amount;
  const isWritten = Number.isSafeInteger(amount) || (typeof amount === "string" && /^\d{1,19}$/.test(amount));
  return isWritten ? BigInt(amount as string | number) : undefined;
}

function error(code: string, message: string): Finding {
  return { kind: "expectation", severity: "error", code, message };
}
