import type { ReservationEvidence } from "@imprest/core/models/cycles";
import type { Activity, Money } from "../../pages/console-wire.ts";

// What another party says, short enough to be kept in numbers.

/** Longer than any name that an authority of ours takes; a server elsewhere may send a megabyte. */
const longestText = 512;

export function bounded(text: string): string {
  // Not within a pair of surrogates.
  return text.length <= longestText ? text : `${text.slice(0, longestText).replace(/[\uD800-\uDBFF]$/, "")}…`;
}

/** Caps as they came, unless they are too much to keep beside every reservation. */
export function boundedCaps(caps: object | undefined): { readonly caps?: Readonly<Record<string, unknown>> } {
  if (caps === undefined) return {};
  const text = JSON.stringify(caps, (_name, value: unknown) => (typeof value === "bigint" ? String(value) : value));
  return text.length > longestText ? {} : { caps: JSON.parse(text) as Readonly<Record<string, unknown>> };
}

export function moneyOf({ amount, unit }: { readonly amount: bigint | string; readonly unit: string }): Money {
  return { amount: bounded(String(amount)), unit: bounded(unit) };
}

/** What denied a call, where the authority names it. */
export function blockedByOf(
  scope: string | undefined,
  policy: string | undefined,
): Pick<Activity, "blockedBy"> | undefined {
  if (scope === undefined && policy === undefined) return undefined;
  return {
    blockedBy: {
      ...(scope !== undefined && { scope: bounded(scope) }),
      ...(policy !== undefined && { policy: bounded(policy) }),
    },
  };
}

/** Where the envelopes on a reservation are, in the order in which they were signed. */
export function evidenceUrlsOf({ reserve, commit, release }: ReservationEvidence = {}): readonly string[] {
  return [reserve, commit, release].flatMap((one) => one?.cycles_evidence_url ?? []).map(bounded);
}
