import type { PspOutcome } from "./psp-outcome.ts";

/** What is known of the money when a body ends. */
export interface PaymentFacts {
  /** Every charge was stated as an amount that can be read. */
  readonly isClear: boolean;
  readonly hasCharged: boolean;
  /** A further charge was prepared since, and not stated. */
  readonly isPending: boolean;
  readonly isAborted: boolean;
  /** The body has the PSP's key, or called `charging()`: a request may have reached the PSP. */
  readonly mayHaveReached: boolean;
}

/** How a body ended: it returned, its scope was left (which does not show whether it threw), or what its error says. */
export type BodyEnd = "returned" | "left" | PspOutcome;

/** `declined` releases too, and the next attempt has a PSP key of its own. */
export type PaymentEnd = "commit" | "release" | "declined" | "hold";

/** How a payment ends. The first row that fits decides: known spend comes first, then the caller's `abort()`, then doubt. */
export function endOf(facts: PaymentFacts, how: BodyEnd): PaymentEnd {
  if (!facts.isClear) return "hold";
  // Of a further charge, only the PSP can say more than a body that did not return.
  if (facts.hasCharged && facts.isPending && (how === "left" || how === "unknown")) return "hold";
  if (facts.hasCharged || how === "charged") return "commit";
  if (facts.isAborted) return "release";
  if (how === "returned") return "commit";
  // Whoever has not asked the PSP has an error of somebody else's, a decline too.
  if (!facts.mayHaveReached) return "release";
  return how === "declined" ? "declined" : "hold";
}
