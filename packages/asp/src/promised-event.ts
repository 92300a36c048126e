/** An audit event that an authority says it has emitted: an answer carried its signature (ASP §4). */
export interface PromisedEvent {
  /** Which verb was answered. */
  readonly verb: "reserve" | "commit" | "release" | "refund";
  /** Absent where a reserve was denied. */
  readonly reservationId?: string | undefined;
  readonly idempotencyKey: string;
  /** What was asked for, in the claim's unit, as a decimal: the amount of a reserve, a commit or a refund. */
  readonly amountAtomic?: string | undefined;
  /** Until when a reserve was granted, as the answer said. */
  readonly ttlExpiresAt?: string | undefined;
  /** Unpadded base64url, 86 characters for Ed25519. A repeated request yields the same one again. */
  readonly signature: string;
}
