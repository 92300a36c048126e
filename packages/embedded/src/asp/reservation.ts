import type { Action, Subject } from "@imprest/core";
import type { CommitResponse } from "@imprest/core/models/asp";
import type { Expiring } from "../ledger/expiry-queue.ts";

/** The grace-split lifecycle (ASP §3.3, and the crosswalk's profile of that name). */
export type AspState =
  | "RESERVED"
  | "COMMITTED"
  | "RELEASED"
  | "EXPIRED_IN_GRACE"
  | "EXPIRED_BEYOND_GRACE"
  | "QUARANTINED";

/** How a reservation ended, for the replays of the request that ended it. */
export interface AspSettlement {
  readonly idempotencyKey: string;
  /** Of the request's amount and facts; empty for a release, whose replays are all alike. */
  readonly digest: string;
  /** Settles once the event is signed. A refusal that a commit was answered with rejects. */
  readonly answer: Promise<CommitResponse>;
}

/** A reservation as ASP sees it, beside the ledger's. `dueAtMs` is the end of its TTL, then of its grace window. */
export interface AspReservation extends Expiring {
  /** The ledger's too. */
  readonly id: string;
  readonly tenant: string;
  readonly decisionId: string;
  readonly budgetId: string;
  readonly subject: Subject;
  readonly action: Action;
  readonly unit: string;
  readonly reserved: bigint;
  readonly ttlExpiresAtMs: number;
  state: AspState;
  /** What was charged to the budget. */
  observed: bigint;
  settlement: AspSettlement | undefined;
  /** While ASP itself settles it in the ledger. */
  isSettling?: boolean;
}

/** For operators, and for whoever compares a rebuilt ledger with the one it was. */
export interface AspReservationInfo {
  readonly reservationId: string;
  readonly state: AspState;
  readonly budgetId: string;
  readonly unit: string;
  readonly reserved: bigint;
  /** Charged to the budget; 0 until committed. */
  readonly observed: bigint;
}
