/// <reference lib="esnext.disposable" preserve="true" />
import type { Amount } from "../amount/amount.ts";
import type { Cap } from "./grant.ts";
import type { Metadata, Subject } from "./request.ts";
import type { Metrics, Settlement, Spend } from "./settlement.ts";

/**
 * An open reservation, as its body sees it. `await using` settles it by what is known when the scope ends. Its methods
 * can be taken off it: `({ spend, signal }) => …`.
 */
export interface Reservation {
  /** The authority's id. */
  readonly id: string;
  /** The key that the whole operation runs under. */
  readonly idempotencyKey: string;
  /** `"BYPASS"` when `failOpen` let the body run without one. */
  readonly decision: "ALLOW" | "ALLOW_WITH_CAPS" | "BYPASS";
  readonly caps: readonly Cap[];
  readonly reserved: Amount;
  /** Who spends, as it was granted. */
  readonly subject: Subject | undefined;
  /** The authority's own clock, epoch milliseconds, with extensions; for display. */
  readonly expiresAt: number | undefined;
  /** Aborts with the caller's signal, with the parent's, and by `leaseLoss: "cancel"`. Pass it to what spends. */
  readonly signal: AbortSignal;

  /**
   * Says that nothing was spent: the provider refused, or was never asked. The reservation is released then, however
   * the body ends.
   * @throws SettlementError when a spend was stated before, or when already settled.
   */
  unspent(this: void): void;
  /**
   * What has been spent so far in all. Replaces an earlier figure and only grows.
   * @throws ValidationError for another unit or a smaller amount; SettlementError when already settled.
   */
  spend(this: void, total: Amount, metrics?: Metrics, extras?: SpendExtras): void;
  /**
   * Commits what `spend` said, or `total`; with `{ basis: "estimate" }` as an amount that stands in for what was spent.
   * A second call with the same amount is the first one's answer.
   * @throws SpendUnknownError when nothing says what was spent; SettlementError when settled otherwise, or refused and
   * `throwOnRejected` is set.
   */
  commit(this: void, total?: Amount, details?: CommitDetails, extras?: SpendExtras): Promise<Settlement>;
  /**
   * Says that nothing was spent, and gives the budget back.
   * @throws SettlementError when a spend was stated before, or when it was committed.
   */
  release(this: void, reason?: string): Promise<Settlement>;
  /**
   * The reservation as JSON, for another process to settle with `adopt`: a batch, a background job, a webhook. It holds
   * no secret. This handle is settled as `exported`, and its lease is no longer kept alive here.
   * @throws SettlementError when already settled; ConfigurationError for one that no authority keeps (`failOpen`, `nest`).
   */
  export(this: void): string;
  /** The first outcome; rejects with SpendUnknownError when the reservation was left to its TTL. */
  readonly settlement: Promise<Settlement>;
  /** `await using`: commits what is known, releases what was said to be unspent, and abandons the rest. */
  [Symbol.asyncDispose](): Promise<void>;
}

/** What a commit by hand says beside its amount. */
export interface CommitDetails extends Metrics {
  /** `"estimate"` for an amount that stands in for what was spent; `"actual"` by default. */
  readonly basis?: Spend["basis"] | undefined;
}

/** What else goes with a spend. */
export interface SpendExtras {
  readonly metadata?: Metadata | undefined;
  /** What only one protocol records, such as a payment reference. */
  readonly facts?: Metadata | undefined;
}
