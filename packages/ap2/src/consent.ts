import type { OpenPaymentMandate, PaymentMandate } from "@imprest/core/models/ap2";
import { type ConstraintProblem, checkConstraints } from "./constraints.ts";
import { checkPresets } from "./presets.ts";

/** One rule that a payment breaks, and which mandate of its chain says so, counted from 0, the user's own. */
export interface ConsentProblem extends ConstraintProblem {
  readonly hop: number;
}

/** Which of the checks are made, and when. */
export interface ConsentOptions {
  /** False leaves the constraints to somebody else; what a mandate fixed must be unchanged all the same. */
  readonly checkConstraints?: boolean | undefined;
  /** Epoch milliseconds; the present when absent. */
  readonly nowMs?: number | undefined;
}

/**
 * Holds a closed payment mandate to every open one of its chain, the user's and those by which agents delegated further
 * (AP2 v0.2 §Agent Authorization, verification rules 2 and 3).
 * @returns what is broken; empty when nothing is.
 */
export function checkConsent(
  opens: readonly OpenPaymentMandate[],
  closed: PaymentMandate,
  { checkConstraints: checks = true, nowMs = Date.now() }: ConsentOptions = {},
): ConsentProblem[] {
  return opens.flatMap((open, hop) =>
    [
      ...(hides(open) ? [undisclosed] : []),
      ...checkPresets(open, closed),
      ...(checks ? checkConstraints(open.constraints, closed, nowMs) : []),
    ].map((problem) => ({ ...problem, hop })),
  );
}

const undisclosed: ConstraintProblem = {
  type: "undisclosed",
  message: "members were left out, so nobody can say that they hold",
};

/**
 * Whether the holder left out a member, at any depth: it may be what the user fixed, an end, or a limit, and nobody can say
 * that it is a decoy. An entry of a list that is left out as a whole stays: it would only have allowed more.
 */
function hides(part: unknown): boolean {
  if (typeof part !== "object" || part === null) return false;
  return "_sd" in part || Object.values(part).some(hides);
}
