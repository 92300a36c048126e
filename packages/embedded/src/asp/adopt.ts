import type { Settled } from "../ledger/facts.ts";
import { otherWire, otherWireReason } from "./other-wire.ts";
import {
  type SettlementInstruction,
  answerOf,
  bothAmounts,
  differenceOf,
  end,
  report,
  reportOverage,
} from "./settlement.ts";

/** Reports in the feed how another wire settled a reservation: the same ledger settles for all. */
export function adopt(instruction: SettlementInstruction, settled: Settled): void {
  const { reservation, nowMs } = instruction;
  const { state, ttlExpiresAtMs } = reservation;
  if (state !== "RESERVED" && state !== "EXPIRED_IN_GRACE") return;
  const by = { idempotencyKey: settled.idempotencyKey, digest: "" };
  const reason = { reason_codes: [otherWireReason] };
  if (settled.kind === "released") {
    const signed = report(instruction, by, "release", reason);
    void end(instruction, otherWire, "RELEASED", answerOf(signed, {}));
    return;
  }
  const { charged } = settled;
  reservation.observed = charged;
  const difference = differenceOf(reservation, charged);
  const amounts = bothAmounts(reservation, charged);
  // The hold of a rebuilt ledger may outlast the TTL by the shortest lease that a ledger has.
  const isLate = state === "EXPIRED_IN_GRACE";
  const signed = isLate
    ? report(instruction, by, "late_commit", { ...amounts, grace_window_ms_used: nowMs - ttlExpiresAtMs, ...reason })
    : report(instruction, by, "commit", { ...amounts, ...difference.data, ...reason });
  const overage = reportOverage(instruction, by, charged);
  void end(instruction, otherWire, "COMMITTED", answerOf(signed, difference.answer, overage));
}
