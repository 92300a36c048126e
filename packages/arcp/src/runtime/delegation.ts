import type { WireLease } from "@imprest/core/models/arcp";

/** Work for another agent. */
export interface Delegation {
  /** `name` or `name@version`. */
  readonly agent: string;
  readonly input?: unknown;
  /** A part of the delegating job's lease; absent: none of it. Without `cost.budget` the delegating job's counts. */
  readonly lease?: WireLease | undefined;
  /** ISO 8601 with `Z`; the earlier of it and the delegating lease's holds. */
  readonly expiresAt?: string | undefined;
  readonly maxRuntimeMs?: number | undefined;
}

/** A job that works for another. */
export interface DelegatedJob {
  readonly id: string;
  readonly agent: string;
  /** What it returned inline. @throws ProtocolError with the failure that it ended with. */
  result(): Promise<unknown>;
  /** Asks the child to stop. */
  cancel(reason?: string): void;
}
