import type { EvidenceReference, Settlement, SettlementInstruction } from "@imprest/core";
import type { OveragePolicy } from "../ledger/overage-policy.ts";
import type { Evaluation, ReserveOutcome } from "../ledger/outcomes.ts";
import type { DecideRequest, LedgerReserveRequest } from "../ledger/requests.ts";

/** A reserve in process, whose policy is one of those that a caller can ask for. */
export type AskedReserve = LedgerReserveRequest & { readonly overagePolicy?: OveragePolicy | undefined };

/** What was asked in process, and what came of it. */
export type Answer =
  | { readonly kind: "decision"; readonly asked: DecideRequest; readonly outcome: Evaluation }
  | { readonly kind: "reserve"; readonly asked: AskedReserve; readonly outcome: ReserveOutcome }
  | { readonly kind: "settlement"; readonly asked: SettlementInstruction; readonly outcome: Settlement };

/** Signs the answers of an in-process authority. */
export interface AnswerSigner {
  /** Reads the answer at once. @returns `undefined` for an answer that cannot be signed. */
  sign(
    answer: Answer,
    context: { readonly tenant: string; readonly traceId: string },
  ): Promise<EvidenceReference | undefined>;
}
