import type { Amount, Settlement, Settling } from "@imprest/core";
import type { CommitResponse } from "@imprest/core/models/asp";

/** The mark of an amount that stands in for a measured one, as it stands in a frozen body. */
const estimateMark = '"imprest.basis":"estimate"';

/** A commit that the authority took: all of what was observed is charged. After the TTL the late path took it. */
export function committed(settling: Settling, { refundAmountAtomic }: CommitResponse): Settlement {
  const { reservationId, idempotencyKey, mode } = settling;
  const charged = spentOf(settling);
  const refunded =
    charged && refundAmountAtomic !== undefined ? { unit: charged.unit, amount: refundAmountAtomic } : undefined;
  return {
    status: mode === lateCommit ? "recorded" : "committed",
    reservationId,
    idempotencyKey,
    basis: settling.body.includes(estimateMark) ? "estimate" : "actual",
    charged,
    refunded,
  };
}

export function released({ reservationId, idempotencyKey }: Settling): Settlement {
  return { status: "released", reservationId, idempotencyKey };
}

/** The mode of a commit that leaves after its TTL: the same bytes, recorded as late before they are sent. */
export const lateCommit = "late_commit";

/** What was spent, as the kernel recorded it. */
export function spentOf({ spent }: Settling): Amount | undefined {
  return spent === undefined ? undefined : { unit: spent.unit, amount: BigInt(spent.amount) };
}
