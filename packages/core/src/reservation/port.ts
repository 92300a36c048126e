import type { Amount } from "../amount/amount.ts";
import type { Observer } from "../observe/observer.ts";
import type { Logger } from "../observe/logger.ts";
import type { Clock } from "../platform/clock.ts";
import type { RandomBytes } from "../platform/random.ts";
import type { RecordStore } from "../records/record-store.ts";
import type { Reservation } from "./reservation.ts";

/** Options of every call that leaves the process. */
export interface CallOptions {
  /** Ends the wait for an answer, not what the authority may be doing: the request may have arrived. */
  readonly signal?: AbortSignal | undefined;
  /** Deadline of this one request, in milliseconds. */
  readonly timeoutMs?: number | undefined;
  /** W3C `traceparent` to continue; a fresh trace is started without it. */
  readonly traceparent?: string | undefined;
}

/** Who spends: the levels of a budget hierarchy, outermost first, and free dimensions beside them. */
export interface Subject {
  readonly tenant?: string | undefined;
  readonly workspace?: string | undefined;
  readonly app?: string | undefined;
  readonly workflow?: string | undefined;
  readonly agent?: string | undefined;
  readonly toolset?: string | undefined;
  readonly dimensions?: Readonly<Record<string, string>> | undefined;
}

/** What the money is for: `{ kind: "llm.completion", name: "gpt-5" }`. */
export interface Action {
  readonly kind: string;
  /** Defaults to `kind` on wires that require a name. */
  readonly name?: string | undefined;
  readonly tags?: readonly string[] | undefined;
}

/** JSON that travels with a reservation or a settlement; bigints are written as plain integers. */
export type Metadata = Readonly<Record<string, unknown>>;

/** What is asked of an authority before the work: how much at most, and for what. */
export interface ReserveRequest {
  readonly estimate: Amount;
  readonly action: Action;
  /** Defaults to what the authority was configured with. */
  readonly subject?: Subject | undefined;
  /** How long the reservation lives without an extension, in milliseconds. */
  readonly ttlMs?: number | undefined;
  readonly metadata?: Metadata | undefined;
  /** What only one protocol knows, by protocol name: `{ cycles: { overage_policy: "REJECT" } }`. */
  readonly extensions?: Readonly<Record<string, Readonly<Record<string, unknown>>>> | undefined;
}

/** A limit that the caller must apply for the grant to hold: `{ name: "max_tokens", value: 400 }`. */
export interface Cap {
  /** The wire's own name. */
  readonly name: string;
  /** A number, a list of names, or whatever the wire carries for a cap this library does not know. */
  readonly value: unknown;
}

/** Signed evidence that the authority says it keeps of an answer. */
export interface EvidenceReference {
  readonly id: string;
  readonly url?: string | undefined;
}

/** What the authority would do with a request, without reserving. */
export interface Decision {
  /** `"ALLOW"`, `"ALLOW_WITH_CAPS"`, `"DENY"`, or a word this version does not know, to be treated as DENY. */
  readonly decision: string;
  readonly caps: readonly Cap[];
  readonly reasonCode?: string | undefined;
  readonly retryAfterMs?: number | undefined;
  readonly evidence?: EvidenceReference | undefined;
  readonly requestId?: string | undefined;
  readonly traceId?: string | undefined;
}

/** How long a reservation lives. Lead is counted from `remainingMs` where the wire tells it, never from wall clocks. */
export interface Lease {
  /** The lifetime that was asked for, in milliseconds; also how far each extension asks to reach. */
  readonly ttlMs: number;
  /** What was left when the authority answered, in milliseconds. */
  readonly remainingMs?: number | undefined;
  /** The authority's own clock, epoch milliseconds; for display. */
  readonly expiresAt?: number | undefined;
}

/** An allowed reservation. */
export interface Grant {
  readonly id: string;
  readonly decision: "ALLOW" | "ALLOW_WITH_CAPS";
  readonly reserved: Amount;
  readonly caps: readonly Cap[];
  /** Absent when the reservation does not expire. */
  readonly lease?: Lease | undefined;
  readonly evidence?: EvidenceReference | undefined;
  readonly requestId?: string | undefined;
  readonly traceId?: string | undefined;
  /** The request as it was granted, for `prepare`. */
  readonly request: ReserveRequest;
  /** The wire's own answer. */
  readonly wire: unknown;
}

/** Standard measurements that go with a commit (Cycles §StandardMetrics). */
export interface Metrics {
  readonly inputTokens?: number | undefined;
  readonly outputTokens?: number | undefined;
  readonly latencyMs?: number | undefined;
  readonly modelVersion?: string | undefined;
  readonly custom?: Metadata | undefined;
}

/** What was spent. `basis` tells a measured amount from one that stands in for it. */
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
  | { readonly kind: "release"; readonly reason: string };

/**
 * One settlement, frozen: any process that reaches the same authority can finish it. Plain JSON, and the bodies are
 * the exact text that is sent, so that a retry has the same bytes.
 */
export interface Settling {
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
  /** What was spent, as the kernel was told; for operators. Set by the kernel. */
  readonly spent?: { readonly unit: string; readonly amount: string } | undefined;
  /** The caller's trace, whenever it is sent and from whichever process. Set by the kernel. */
  readonly traceparent?: string | undefined;
}

/** How a reservation ended, as far as is known. */
export interface Settlement {
  /**
   * `committed` and `released` are the authority's word; `recorded`: the late path took the spend; `pending`: the
   * outcome is not known yet, the queue goes on; `rejected`: refused for good, kept as a dead letter when money was
   * spent; `bypassed`: `failOpen` let the call run without a reservation, what it spent is kept as a dead letter.
   */
  readonly status: "committed" | "released" | "recorded" | "pending" | "rejected" | "bypassed";
  readonly reservationId: string;
  readonly idempotencyKey: string;
  readonly basis?: "actual" | "estimate" | undefined;
  readonly charged?: Amount | undefined;
  readonly refunded?: Amount | undefined;
  /** Spent, but not charged by the authority (a charge capped at what was available). */
  readonly uncovered?: Amount | undefined;
  /** The most that one of the scopes owes after this settlement, where the authority tells of a debt. */
  readonly debt?: Amount | undefined;
  readonly evidence?: EvidenceReference | undefined;
  readonly requestId?: string | undefined;
  readonly traceId?: string | undefined;
  /** Why it is `pending` or `rejected`. */
  readonly error?: Error | undefined;
}

/** What one attempt to settle came to. */
export type Attempt =
  | { readonly settled: Settlement }
  /** Send this instead, after recording it: the protocol's late path. */
  | { readonly next: Settling }
  /** The outcome is unknown or may change: try again with the same bytes, not before `notBeforeMs` (epoch). */
  | { readonly retry: Error; readonly notBeforeMs?: number | undefined }
  /** Refused for good. */
  | { readonly rejected: Error };

/** What a call asks for beyond its request, as far as an authority has a say in it. */
export interface CallTerms extends CallOptions {
  /** The body runs without a reservation when the authority cannot be reached. */
  readonly failOpen?: { readonly reason: string } | undefined;
}

/** What an authority and the kernel around it draw on. All of it may be injected; none of it is global. */
export interface Environment {
  readonly clock?: Clock | undefined;
  /** Where unfinished settlements and dead letters are kept; memory by default. */
  readonly records?: RecordStore | undefined;
  readonly observer?: Observer | undefined;
  readonly logger?: Logger | undefined;
  /** Jitter of retries. */
  readonly random?: RandomBytes | undefined;
  /** Finds the reservation a call runs in, so that nesting needs no `parent`; see `@imprest/core/node`. */
  readonly context?: ReservationContext | undefined;
}

/** Carries the current reservation through asynchronous calls, on platforms that can. */
export interface ReservationContext {
  /** The reservation within which this code runs. */
  current(): Reservation | undefined;
  /** Runs `body` within a reservation. */
  run<Result>(reservation: Reservation, body: () => Result): Result;
}

/**
 * The port between the kernel and whatever grants budget. An implementation sends, once, what it is told to send, and
 * says what came of it; the kernel alone records, retries and switches mode.
 */
export interface SpendAuthority {
  readonly protocol: string;
  /** Which server and principal this is; stable across restarts and key rotation; never a secret. */
  readonly target: string;
  /** False where settlements are not acknowledged (an ARCP lease): nothing is recorded or retried. */
  readonly durable: boolean;
  readonly environment?: Environment | undefined;
  /**
   * How long the authority remembers an idempotency key, in milliseconds, by `Settling.mode`. An older settlement could
   * be charged twice, so it waits for an operator instead of being sent again.
   */
  readonly dedupeHorizonMs?: Readonly<Record<string, number>> | undefined;

  /**
   * Calls `listener` whenever the credential has changed: what waits, because the old one was refused, is sent then.
   * @returns the function that unsubscribes.
   */
  onNewCredentials?(listener: () => void): () => void;

  /**
   * Accepts a call's options, or refuses them: the kernel asks before it sends anything. Absent where every option is
   * acceptable.
   * @throws ConfigurationError naming the option that the protocol does not allow here.
   */
  checkOptions?(options: CallTerms): void;
  /** Asks without reserving. Absent where the wire cannot. */
  decide?(request: ReserveRequest, options?: CallOptions): Promise<Decision>;
  /**
   * One attempt to reserve.
   * @throws DeniedError when the authority says no; a TransportError or ProtocolError otherwise.
   */
  reserve(request: ReserveRequest, options: CallOptions & { readonly idempotencyKey: string }): Promise<Grant>;
  /** One attempt to lengthen the lease. Absent where the wire cannot. */
  extend?(
    grant: Grant,
    by: { readonly ms: number; readonly idempotencyKey: string },
    options?: CallOptions,
  ): Promise<Lease>;
  /** Freezes an intent. Pure: no clock, no randomness, no I/O. @throws ValidationError for what the wire refuses. */
  prepare(
    grant: Grant,
    intent: Intent,
    stamp: { readonly idempotencyKey: string; readonly recordedAtMs: number },
  ): Settling;
  /** One attempt to settle. Rejects only when `options.signal` aborts; every other outcome is an `Attempt`. */
  settle(settling: Settling, options?: CallOptions): Promise<Attempt>;
}
