import type { Amount, EvidenceReference, Settlement, SettlementInstruction } from "@imprest/core";
import { base64url } from "@imprest/core/internal";
import type { CommitResponse, ReleaseResponse } from "@imprest/core/models/asp";

/** The mark of an amount that stands in for a measured one, as it stands in a frozen body. */
const estimateMark = '"imprest.basis":"estimate"';

/** A commit that the authority took: all of what was observed is charged. After the TTL the late path took it. */
export function committed(instruction: SettlementInstruction, answer: CommitResponse): Settlement {
  const { refundAmountAtomic } = answer;
  const { reservationId, idempotencyKey, mode } = instruction;
  const charged = spentOf(instruction);
  const refunded =
    charged && refundAmountAtomic !== undefined ? { unit: charged.unit, amount: refundAmountAtomic } : undefined;
  return {
    status: mode === lateCommit ? "recorded" : "committed",
    reservationId,
    idempotencyKey,
    basis: instruction.body.includes(estimateMark) ? "estimate" : "actual",
    charged,
    refunded,
    evidence: evidenceOf(answer),
  };
}

export function released(
  { reservationId, idempotencyKey }: SettlementInstruction,
  answer: ReleaseResponse,
): Settlement {
  return { status: "released", reservationId, idempotencyKey, evidence: evidenceOf(answer) };
}

/** The signed event that an answer promises, by its signature: the feed has it under the same one (ASP §4.2). */
export function evidenceOf({
  auditEventSignature: signature,
}: {
  readonly auditEventSignature?: Uint8Array | undefined;
}): EvidenceReference | undefined {
  return signature && { id: base64url(signature) };
}

/** The mode of a commit that leaves after its TTL: the same bytes, recorded as late before they are sent. */
export const lateCommit = "late_commit";

/** What was spent, as the kernel recorded it. */
export function spentOf({ spent }: SettlementInstruction): Amount | undefined {
  return spent === undefined ? undefined : { unit: spent.unit, amount: BigInt(spent.amount) };
}
