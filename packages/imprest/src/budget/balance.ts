import type { Amount } from "@imprest/core";

/** A budget at one moment, all in one unit. */
export interface Balance {
  readonly limit: Amount;
  readonly spent: Amount;
  /** What calls in flight hold. */
  readonly reserved: Amount;
  /** What a call can still take; negative once more was spent than the limit. */
  readonly remaining: Amount;
}
