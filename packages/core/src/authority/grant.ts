import type { Amount } from "../amount/amount.ts";
import type { ReserveRequest } from "./request.ts";

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

/** How long a reservation lives. Lead is counted from `remainingMs` where the wire states it, never from wall clocks. */
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
