import { isRefusal, isUnsent, unclearStatuses } from "./not-billed.ts";

/** What became of one request to a provider. */
export type Outcome =
  /** Aborted before it was sent. */
  | { readonly kind: "unsent" }
  | { readonly kind: "failed"; readonly error: unknown }
  | { readonly kind: "answered"; readonly status: number; readonly isProvidersError: boolean }
  | {
      /** `ended`: the answer came whole; `broken`: aborted, timed out, reset, left, or an end without its usual signs. */
      readonly kind: "ended" | "broken";
      readonly isStream: boolean;
      readonly isError: boolean;
      readonly isDone: boolean;
      /** The usage was stated and has a price. */
      readonly isPriced: boolean;
    };

/**
 * How it is settled: `release`; `commit` of what the usage costs; `seen`, an upper bound of what was seen of the answer;
 * `estimate`, the whole of what was reserved. The last two are marked as estimates, and never below what is known.
 */
export type SettleAs = "release" | "commit" | "seen" | "estimate";

interface Row {
  readonly event: string;
  readonly when: (outcome: Outcome, billed: ReadonlySet<number>) => boolean;
  readonly spend: "none" | "known" | "possible";
  readonly settle: SettleAs;
  /** The provider's usage is missing or cannot be priced, which somebody should look at. */
  readonly isReported?: boolean;
}

/** The table of docs/guides/model-calls.md; the first row that fits decides. */
export const rows: readonly Row[] = [
  {
    event: "no connection: refused, DNS, TLS, connect timeout",
    when: (outcome) => outcome.kind === "unsent" || (outcome.kind === "failed" && isUnsent(outcome.error)),
    spend: "none",
    settle: "release",
  },
  {
    event: "abort, timeout or reset after the request left, before a whole answer",
    when: ({ kind }) => kind === "failed",
    spend: "possible",
    settle: "estimate",
  },
  {
    event: "408, 499, 502, 504, 520 to 524, and what billedStatuses adds",
    when: (outcome, billed) =>
      outcome.kind === "answered" && (unclearStatuses.has(outcome.status) || billed.has(outcome.status)),
    spend: "possible",
    settle: "estimate",
  },
  {
    event: "another 4xx, 503, 529, or the provider's own error",
    when: (outcome) =>
      outcome.kind === "answered"
        ? isRefusal(outcome.status) || outcome.isProvidersError
        : outcome.kind === "ended" && outcome.isError,
    spend: "none",
    settle: "release",
  },
  {
    event: "a bare 500, or any other status",
    when: ({ kind }) => kind === "answered",
    spend: "possible",
    settle: "estimate",
  },
  {
    event: "an answer that is done, with its usage",
    when: (outcome) => "isDone" in outcome && outcome.isDone && outcome.isPriced,
    spend: "known",
    settle: "commit",
  },
  {
    event: "an answer that is done, its usage missing, unreadable or without a price",
    when: (outcome) => outcome.kind === "ended" && outcome.isDone,
    spend: "possible",
    settle: "seen",
    isReported: true,
  },
  {
    event: "a stream that breaks off",
    when: () => true,
    spend: "possible",
    settle: "seen",
  },
];

/** The row for what became of a request. */
export function rowOf(outcome: Outcome, billed: ReadonlySet<number>): Row {
  const row = rows.find(({ when }) => when(outcome, billed));
  if (row === undefined) throw new TypeError("The table has no row for an outcome.");
  return row;
}
