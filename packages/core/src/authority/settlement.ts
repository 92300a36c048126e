import type { Amount } from "../amount/amount.ts";
import type { EvidenceReference } from "./grant.ts";
import type { Metadata } from "./request.ts";

/** Standard measurements that go with a commit (Cycles §StandardMetrics). */
export interface Metrics {
  readonly inputTokens?: number | undefined;
  readonly outputTokens?: number | undefined;
  readonly latencyMs?: number | undefined;
  readonly modelVersion?: string | undefined;
  readonly custom?: Metadata | undefined;
}

/** What was spent. `basis` distinguishes a measured amount from one that stands in for it. */
export interface Spend {
  readonly amount: Amount;
  readonly basis: "actual" | "estimate";
  readonly metrics?: Metrics | undefined;
  readonly metadata?: Metadata | undefined;
  /** What only one protocol records with a spend, such as a payment reference. */
  readonly facts?: Metadata | undefined;
}

/** How a reservation ends. */
export type Intent =
  | { readonly kind: "commit"; readonly spend: Spend }
  | { readonly kind: "release"; readonly reason: ReleaseReason };

/** Why nothing was spent: a code that wires map to their own words, and a sentence for people. */
export interface ReleaseReason {
  readonly code: ReleaseCode;
  readonly text: string;
}

/**
 * `aborted`: the caller's signal; `timed_out`: a deadline of the caller's; `failed`: the caller's own code, or what it
 * called, said that nothing was spent; `caps`: the grant's caps are not honoured; `malformed`: the grant cannot be used;
 * `unused`: the work turned out to be free; `caller`: `release()`.
 */
export type ReleaseCode = "aborted" | "timed_out" | "failed" | "caps" | "malformed" | "unused" | "caller";

/**
 * One settlement, frozen: any process that reaches the same authority can finish it. Plain JSON, and the bodies are
 * the exact text that is sent, so that a retry has the same bytes.
 */
export interface SettlementInstruction {
  readonly protocol: string;
  /** Which server and principal it belongs to; never a secret. */
  readonly target: string;
  readonly reservationId: string;
  readonly idempotencyKey: string;
  /** Whether money was spent: a refused commit is a dead letter, a refused release is not. */
  readonly kind: Intent["kind"];
  /** The authority's own word for the operation to send: `"commit"`, `"release"`, `"event"` … */
  readonly mode: string;
  readonly body: string;
  /** The body of the protocol's late path, where it has one. */
  readonly fallback?: string | undefined;
  /** Epoch milliseconds. */
  readonly recordedAtMs: number;
  /** Epoch milliseconds before which nothing is sent; 0 for at once. */
  readonly notBeforeMs: number;
  /** What was spent, as the body stated it; for operators. Set by the kernel. */
  readonly spent?: { readonly unit: string; readonly amount: string } | undefined;
  /** The caller's trace, whenever it is sent and from whichever process. Set by the kernel. */
  readonly traceparent?: string | undefined;
}

/** How a reservation ended, as far as is known. */
export interface Settlement {
  /**
   * `committed` and `released` are the authority's word; `recorded`: the late path took the spend; `pending`: the
   * outcome is not known yet, the queue goes on; `rejected`: refused for good, kept as a dead letter when money was
   * spent; `bypassed`: `failOpen` let the call run without a reservation, what it spent is kept as a dead letter;
   * `exported`: whoever adopts the exported reservation settles it.
   */
  readonly status: "committed" | "released" | "recorded" | "pending" | "rejected" | "bypassed" | "exported";
  readonly reservationId: string;
  readonly idempotencyKey: string;
  readonly basis?: "actual" | "estimate" | undefined;
  readonly charged?: Amount | undefined;
  readonly refunded?: Amount | undefined;
  /** Spent, but not charged by the authority (a charge capped at what was available). Set by the kernel, and logged. */
  readonly uncovered?: Amount | undefined;
  /** The most that one of the scopes owes after this settlement, where the authority reports a debt. */
  readonly debt?: Amount | undefined;
  readonly evidence?: EvidenceReference | undefined;
  readonly requestId?: string | undefined;
  readonly traceId?: string | undefined;
  /** What of the authority's answer cannot be right: a charge in another unit, or above what was committed. */
  readonly discrepancy?: string | undefined;
  /** Why it is `pending` or `rejected`. */
  readonly error?: Error | undefined;
}

/** What one attempt to settle came to. */
export type Attempt =
  | { readonly settled: Settlement }
  /** Send this instead, after recording it: the protocol's late path. */
  | { readonly next: SettlementInstruction }
  /** The outcome is unknown or may change: try again with the same bytes, not before `notBeforeMs` (epoch). */
  | { readonly retry: Error; readonly notBeforeMs?: number | undefined }
  /** Refused for good. */
  | { readonly rejected: Error };
