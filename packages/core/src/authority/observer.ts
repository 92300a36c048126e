import type { Amount } from "../amount/amount.ts";
import { Emitter } from "../observe/emitter.ts";
import type { Cap, EvidenceReference, Lease } from "./grant.ts";
import type { Action, Subject } from "./request.ts";
import type { Metrics, ReleaseReason, Settlement, SettlementInstruction } from "./settlement.ts";

/** The guarded call that a settlement ends: enough to draw a span and to name a model. */
export interface GuardedCall {
  readonly action: Action;
  readonly subject?: Subject | undefined;
  readonly metrics?: Metrics | undefined;
  /** Why nothing was spent. */
  readonly released?: ReleaseReason | undefined;
  /** When the reservation was granted, epoch milliseconds. */
  readonly startedAtMs: number;
  /** From the grant to the end of the body, in milliseconds. */
  readonly durationMs: number;
  /** The reservation that this one is nested in. */
  readonly parentReservationId?: string | undefined;
}

/** What the kernel emits, by event name. */
export interface SpendEvents {
  /** The authority answered a reserve. `reservationId` is absent on a denial. */
  decision: {
    readonly protocol: string;
    readonly idempotencyKey: string;
    readonly decision: string;
    readonly estimate: Amount;
    readonly action: Action;
    readonly subject?: Subject | undefined;
    readonly caps: readonly Cap[];
    readonly reservationId?: string | undefined;
    readonly reasonCode?: string | undefined;
    /** Signed evidence of a grant, where the authority keeps some. */
    readonly evidence?: EvidenceReference | undefined;
  };
  /** A lease was lengthened. */
  extend: { readonly protocol: string; readonly reservationId: string; readonly lease: Lease };
  /** A lease can no longer be kept alive; `error` says why. */
  "lease-lost": {
    readonly protocol: string;
    readonly reservationId: string;
    readonly error: Error;
  };
  /** An attempt failed and the same bytes will be sent again in `delayMs`. */
  retry: {
    readonly protocol: string;
    readonly operation: string;
    readonly idempotencyKey: string;
    readonly reservationId?: string | undefined;
    readonly error: Error;
    readonly delayMs: number;
  };
  /** A reservation was settled, refused, or left pending. `call` is absent where another process made the call, or nobody did. */
  settlement: { readonly protocol: string; readonly settlement: Settlement; readonly call?: GuardedCall | undefined };
  /** A spend that the books do not show waits for an operator. `instruction` is absent when the amount is unknown. */
  "dead-letter": {
    readonly protocol: string;
    readonly reservationId: string;
    readonly error: Error;
    readonly instruction?: SettlementInstruction | undefined;
  };
  /** `failOpen` let a call run without a reservation. */
  bypass: {
    readonly protocol: string;
    readonly idempotencyKey: string;
    readonly estimate: Amount;
    readonly reason: string;
    readonly error: Error;
  };
  /** A record could not be written; the settlement was sent all the same. */
  "record-failure": { readonly protocol: string; readonly reservationId: string; readonly error: Error };
}

/** Delivers the kernel's events. A listener that throws or rejects breaks neither the call nor another listener. */
export class Observer extends Emitter<SpendEvents> {}
