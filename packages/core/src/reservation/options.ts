import type { Amount } from "../amount/amount.ts";
import type { Reservation } from "../authority/reservation.ts";
import type { CallTerms } from "../authority/request.ts";
import type { Settlement } from "../authority/settlement.ts";

/** Options of every helper that opens a reservation. */
export interface ReservationOptions extends CallTerms {
  /** Names of the caps that the body applies. A grant that carries any other cap is released and denied. */
  readonly honours?: readonly string[] | undefined;
  /** The key of the whole operation; one is minted without it. A redelivered job passes its own, derived key. */
  readonly idempotencyKey?: string | undefined;
  /** The reservation this one happens within; found by itself where `environment.context` is set. */
  readonly parent?: Reservation | undefined;
  /**
   * What a nested reservation does: `"own"` (the default) reserves from the authority by itself; `"within"` takes its
   * estimate out of its parent's and counts what it spends as the parent's spend.
   */
  readonly nest?: "own" | "within" | undefined;
  /**
   * What happens when the lease can no longer be kept alive: `"warn"` (the default) emits and logs, `"cancel"`
   * also aborts `reservation.signal`, `"fail_on_finalize"` lets the body end and settle, then throws.
   */
  readonly leaseLoss?: "warn" | "cancel" | "fail_on_finalize" | undefined;
  /** Called with each outcome of the settlement: once, or first with `pending` and later with the final one. */
  readonly onSettlement?: ((settlement: Settlement) => unknown) | undefined;
  /** A commit refused for good becomes a `SettlementError` that carries the value, instead of a returned status. */
  readonly throwOnRejected?: boolean | undefined;
}

/** Options of the helpers whose body streams. */
export interface StreamOptions<Chunk> extends BodyOptions<Chunk> {
  /**
   * How long the reader may take until it asks for the next chunk, in milliseconds; five minutes by default. Then the
   * stream is given up: the body's signal aborts, and `partial` prices it. `Infinity` waits for ever.
   */
  readonly idleMs?: number | undefined;
  /** The longest life of the stream from the body's call on, in milliseconds; one hour by default. Then as `idleMs`. */
  readonly longestMs?: number | undefined;
}

/** What an item says of the spend; falsy where it says nothing. */
export type SpendOf = Amount | undefined | null | false | 0 | "";

/** Options of the helpers that run a body and settle by what becomes of it. */
export interface BodyOptions<Item> extends ReservationOptions {
  /**
   * What the returned value, or a stream's chunks so far, cost in all; `undefined` where this one says nothing. It is not
   * asked once the body has settled by hand: what the body committed is the whole.
   */
  readonly spend?: ((item: Item) => SpendOf | PromiseLike<SpendOf>) | undefined;
  /**
   * Says of a body that threw that nothing was spent: the provider refused, or was never reached. Without it, only
   * `reservation.unspent()` has a failed body's reservation released. `() => true` releases after every throw.
   */
  readonly unspent?: ((error: unknown) => boolean) | undefined;
  /** Prices a body that ended early: the estimate, or an amount out of the chunks seen and the error. */
  readonly partial?: "estimate" | ((seen: readonly Item[], error: unknown) => Amount | undefined) | undefined;
  /** Commits the estimate, marked as one, when the body ends well and nothing says what it cost. */
  readonly settle?: "estimate" | undefined;
}
