import type { Action, Metadata, Metrics, Subject } from "@imprest/core";
import type { Budget } from "./budget.ts";
import type { Caps } from "./caps.ts";
import type { ChargePolicy } from "./overage-policy.ts";
import type { Expiring } from "./expiry-queue.ts";
import type { Scopes } from "./scopes.ts";
import { type ScopeBalance, type Snapshot, readSnapshot } from "./snapshot.ts";

/** Cycles §ReservationStatus. A reservation stays ACTIVE through its grace period, in which it can still be settled. */
export type ReservationStatus = "ACTIVE" | "COMMITTED" | "RELEASED" | "EXPIRED";

/** Budget set aside. Only the ledger writes it; `dueAtMs` is the end of the grace period. */
export interface Reservation extends Expiring {
  readonly id: string;
  readonly tenant: string;
  readonly idempotencyKey: string;
  readonly fingerprint: string;
  readonly subject: Subject;
  readonly action: Action;
  readonly unit: string;
  readonly reserved: bigint;
  readonly scopes: Scopes;
  /** The budgets it holds of, outermost first; those created later at its scopes are not touched. */
  readonly budgets: readonly Budget[];
  /** Their books once they held it; absent in what an earlier version stored. */
  readonly snapshot: Snapshot | undefined;
  readonly overagePolicy: ChargePolicy;
  readonly graceMs: number;
  /** Absent in what an earlier version stored. */
  readonly hasFixedLease: boolean | undefined;
  readonly caps: Caps | undefined;
  readonly metadata: Metadata | undefined;
  /** Bytes of the metadata that it was made with. */
  readonly metadataBytes: number;
  readonly createdAtMs: number;
  /** The expiry that the reserve was answered with; a replay repeats it. */
  readonly grantedUntilMs: number;
  expiresAtMs: number;
  status: ReservationStatus;
  /** Set when committed or released (Cycles §ReservationDetail, finalized_at_ms). */
  finalizedAtMs: number | undefined;
  /** How it was committed or released. */
  settlement: ReservationSettlement | undefined;
  /** The counters of its run, which it gives back when it is released or expires. */
  readonly runCounters: readonly string[] | undefined;
  /** By idempotency key; made with the first extension. */
  extensions: Map<string, Extension> | undefined;
}

/** How a reservation ended, and what a replay of the settling request is answered with. */
export interface ReservationSettlement {
  readonly operation: "commit" | "release";
  readonly idempotencyKey: string;
  readonly fingerprint: string;
  readonly charged: bigint;
  readonly released: bigint;
  /** The books of the budgets afterwards. */
  readonly snapshot?: Snapshot | undefined;
  readonly reason?: string | undefined;
  readonly metadata?: Metadata | undefined;
  readonly metadataBytes?: number | undefined;
  readonly metrics?: Metrics | undefined;
}

/** One extension, kept for its replays. */
export interface Extension {
  readonly fingerprint: string;
  readonly expiresAtMs: number;
  readonly snapshot?: Snapshot | undefined;
}

/** What is left of an expiry that was once answered; 0 when the reservation is over (Cycles §IDEMPOTENCY). */
export function remainingTtlMs(reservation: Reservation, expiresAtMs: number, nowMs: number): number {
  return reservation.status === "ACTIVE" ? Math.max(0, expiresAtMs - nowMs) : 0;
}

/** The balances of its budgets as they stood in a snapshot; absent where none was kept. */
export function balancesIn(
  { budgets, unit }: Pick<Reservation, "budgets" | "unit">,
  snapshot: Snapshot | undefined,
): readonly ScopeBalance[] | undefined {
  if (snapshot === undefined) return undefined;
  return readSnapshot(
    snapshot,
    budgets.map(({ scopePath }) => scopePath),
    unit,
  );
}

/** Bytes of all the metadata that it holds. */
export function metadataBytesOf({ metadataBytes, settlement }: Reservation): number {
  return metadataBytes + (settlement?.metadataBytes ?? 0);
}

/** A reservation, as facts name it. */
export function heldBy({ id, tenant, scopes, unit, reserved, action, subject }: Reservation): {
  readonly reservationId: string;
  readonly tenant: string;
  readonly scope: string;
  readonly unit: string;
  readonly reserved: bigint;
  readonly action: Action;
  readonly subject: Subject;
} {
  return { reservationId: id, tenant, scope: scopes.path, unit, reserved, action, subject };
}
