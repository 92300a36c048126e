import type { CallOptions, SpendAuthority } from "@imprest/core";
import type { Attempt } from "../ledger/attempt.ts";
import { isCycles } from "./cycles-budget.ts";
import { cyclesStanding } from "./cycles-standing.ts";
import { portStanding } from "./port-standing.ts";
import type { Standing } from "./standing.ts";

/**
 * How the reservation of an attempt stands; `undefined` when the authority cannot say now.
 * @param options with `asksLife`, whether a worker keeps the reservation's lease alive matters.
 */
export function standingOf(
  source: SpendAuthority,
  attempt: Attempt,
  options: Pick<CallOptions, "signal"> & { readonly asksLife: boolean },
): Promise<Standing | undefined> {
  return isCycles(source) ? cyclesStanding(source, attempt, options) : portStanding(source, attempt, options);
}
