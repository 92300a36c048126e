import { isRefusal, isUnclear, isUnsent } from "./not-billed.ts";

/** What became of one request to a provider. */
export interface Outcome {
  /**
   * `unsent`: aborted before it left; `failed`: no answer, or no whole one; `answered`: with an error status; `ended`: an
   * answer came to its end; `broken`: a stream was aborted, timed out, was reset, was left, or ended without its usual signs.
   */
  readonly kind: "unsent" | "failed" | "answered" | "ended" | "broken";
  /** What a failure threw. */
  readonly error?: unknown;
  /** The status of an error. */
  readonly status?: number;
  /** The answer is the provider's own error. */
  readonly isError?: boolean;
  /** The answer is done: the usage that it stated, if any, is the whole. */
  readonly isDone?: boolean;
  /** The usage has a price. */
  readonly isPriced?: boolean;
}

interface Row {
  readonly event: string;
  readonly when: (outcome: Outcome, billed: ReadonlySet<number>) => boolean;
  /**
   * `release`: nothing was spent. `commit`: what the usage costs. `seen`: an upper bound of what was seen of the answer;
   * `estimate`: all that was reserved; these two are marked as estimates, and never below what is known.
   */
  readonly settle: "release" | "commit" | "seen" | "estimate";
  /** The provider's usage is missing or has no price, which somebody should look at. */
  readonly isReported?: boolean;
}

/** The table of docs/guides/model-calls.md; the first row that fits decides. */
const rows: readonly Row[] = [
  {
    event: "no connection",
    when: ({ kind, error }) => kind === "unsent" || (kind === "failed" && isUnsent(error)),
    settle: "release",
  },
  { event: "abort, timeout or reset", when: ({ kind }) => kind === "failed", settle: "estimate" },
  {
    event: "an intermediary's status, or one that is billed",
    when: ({ status = 0 }, billed) => isUnclear(status) || billed.has(status),
    settle: "estimate",
  },
  {
    event: "the provider refused",
    when: ({ kind, status = 0, isError }) => isRefusal(status) || (isError === true && kind !== "broken"),
    settle: "release",
  },
  { event: "another error", when: ({ kind }) => kind === "answered", settle: "estimate" },
  { event: "an answer", when: ({ isDone, isPriced }) => isDone === true && isPriced === true, settle: "commit" },
  {
    event: "an answer without a usage that has a price",
    when: ({ kind }) => kind === "ended",
    settle: "seen",
    isReported: true,
  },
];
const brokenOff: Row = { event: "a stream that broke off", when: () => true, settle: "seen" };

/** The row for what became of a request. */
export function rowOf(outcome: Outcome, billed: ReadonlySet<number>): Row {
  return rows.find(({ when }) => when(outcome, billed)) ?? brokenOff;
}
