import type { Logger } from "../observe/logger.ts";
import type { Clock } from "../platform/clock.ts";
import type { RandomBytes } from "../platform/random.ts";
import type { RecordStore } from "../records/record-store.ts";
import type { Observer } from "./observer.ts";
import type { Reservation } from "./reservation.ts";

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
