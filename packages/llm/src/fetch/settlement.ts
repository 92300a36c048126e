import { isOverload, isRefusal, isUnclear, isUnsent } from "./not-billed.ts";

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
  /** The answer stated a usage. */
  readonly isStated?: boolean;
  /** The usage has a price. */
  readonly isPriced?: boolean;
  /** The answer says when to try again: `Retry-After`. */
  readonly saysRetry?: boolean;
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

/** The first row that fits decides. `pnpm docs:settlement` makes the table of docs/what-is-charged.md of these rows. */
const rows: readonly Row[] = [
  /** No connection: refused, DNS, TLS, connect timeout; or aborted before the request left */
  {
    event: "no connection",
    when: ({ kind, error }) => kind === "unsent" || (kind === "failed" && isUnsent(error)),
    settle: "release",
  },
  /** Abort, timeout or reset after the request left, before a whole answer */
  { event: "abort, timeout or reset", when: ({ kind }) => kind === "failed", settle: "estimate" },
  /** Answered with an error that states what was used, whatever its status, but for `billedStatuses` */
  {
    event: "an error that states what was used",
    when: ({ kind, status = 0, isStated, isPriced }, billed) =>
      kind === "answered" && isStated === true && isPriced === true && !billed.has(status),
    settle: "commit",
  },
  /** Answered 408, 499, 502, 504, 520 to 524, or what `billedStatuses` adds: an intermediary answered, and the provider may work on */
  {
    event: "an intermediary's status, or one that is billed",
    when: ({ status = 0 }, billed) => isUnclear(status) || billed.has(status),
    settle: "estimate",
  },
  /** Answered with another 3xx or 4xx, with 503 or 529 and `Retry-After`, or with the provider's own error in its body */
  {
    event: "the provider refused",
    when: ({ kind, status = 0, isError, isStated, saysRetry }) =>
      isStated !== true &&
      (isRefusal(status) || (isOverload(status) && saysRetry === true) || (isError === true && kind !== "broken")),
    settle: "release",
  },
  /** Answered with a bare 500, 503 or 529, or any other status: an intermediary may have given it after the provider began */
  { event: "another error", when: ({ kind }) => kind === "answered", settle: "estimate" },
  /** An answer that is done, with its usage: also cut by its limit, declined, or failed */
  { event: "an answer", when: ({ isDone, isPriced }) => isDone === true && isPriced === true, settle: "commit" },
  /** An answer that is done, its usage missing, partly unreadable or without a price */
  {
    event: "an answer without a usage that has a price",
    when: ({ kind }) => kind === "ended",
    settle: "seen",
    isReported: true,
  },
];
/** A stream that breaks off, is left, or ends with an error */
const brokenOff: Row = { event: "a stream that broke off", when: () => true, settle: "seen" };

/** The row for what became of a request. */
export function rowOf(outcome: Outcome, billed: ReadonlySet<number>): Row {
  return rows.find(({ when }) => when(outcome, billed)) ?? brokenOff;
}
