import type { Amount } from "../amount/amount.ts";
import type { Intent, Settlement } from "../authority/settlement.ts";
import type { SpendUnknownError } from "../errors/spend-errors.ts";
import type { Logger } from "../observe/logger.ts";
import type { OnOutcome } from "../settlement/delivery.ts";

/** Where a handle's intent goes: to the authority's queue, to its parent, or to a bypass record. */
export interface Destination {
  readonly logger: Logger | undefined;
  /** Never rejects; calls `onOutcome` with each outcome, the one returned included. */
  settle(intent: Intent, onOutcome: OnOutcome): Promise<Settlement>;
  /** Nothing can be sent: what was spent is unknown. Never rejects. */
  abandon(error: SpendUnknownError, knownPart: Amount | undefined): Promise<void>;
  /** A spend was stated after the end, by `spent` more than was settled (`undefined`: in words that are no amount). */
  late(spent: Amount | undefined): void;
  /** The reservation as JSON, for another process; `undefined` where no authority keeps it. */
  readonly exported: string | undefined;
}

/** What keeps the lease of a handle alive. */
export interface Lifeline {
  readonly expiresAt: number | undefined;
  stop(): void;
}
