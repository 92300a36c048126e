import { EventEmitter } from "eventemitter3";
import type { Amount } from "../amount/amount.ts";
import type { Cap, Lease, Settlement, Settling } from "../authority/authority.ts";
import type { Logger } from "./logger.ts";

/** What the kernel tells, by event name. */
export interface SpendEvents {
  /** The authority answered a reserve. `reservationId` is absent on a denial. */
  decision: {
    readonly protocol: string;
    readonly idempotencyKey: string;
    readonly decision: string;
    readonly estimate: Amount;
    readonly caps: readonly Cap[];
    readonly reservationId?: string | undefined;
    readonly reasonCode?: string | undefined;
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
  /** A reservation was settled, refused, or left pending. */
  settlement: { readonly protocol: string; readonly settlement: Settlement };
  /** A spend that the books do not show waits for an operator. `settling` is absent when the amount is unknown. */
  "dead-letter": {
    readonly protocol: string;
    readonly reservationId: string;
    readonly error: Error;
    readonly settling?: Settling | undefined;
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

type Listener<Name extends keyof SpendEvents> = (event: SpendEvents[Name]) => unknown;

/** Delivers the kernel's events. A listener that throws or rejects breaks neither the call nor another listener. */
export class Observer {
  readonly #emitter = new EventEmitter();
  readonly #logger: Logger | undefined;

  constructor(logger?: Logger) {
    this.#logger = logger;
  }

  /** @returns the function that unsubscribes. */
  on<Name extends keyof SpendEvents>(name: Name, listener: Listener<Name>): () => void {
    const guarded = (event: SpendEvents[Name]): void => {
      try {
        Promise.resolve(listener(event)).catch((error: unknown) => this.#report(name, error));
      } catch (error) {
        this.#report(name, error);
      }
    };
    this.#emitter.on(name, guarded);
    return () => this.#emitter.off(name, guarded);
  }

  /** Calls every listener of that event; what one throws is logged and goes no further. */
  emit<Name extends keyof SpendEvents>(name: Name, event: SpendEvents[Name]): void {
    this.#emitter.emit(name, event);
  }

  #report(name: string, error: unknown): void {
    this.#logger?.error("a listener failed", {
      event: name,
      error: error instanceof Error ? error.message : "unknown",
    });
  }
}
