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
  readonly retries?: RetryOptions | undefined;
  /** Jitter of retries. */
  readonly random?: RandomBytes | undefined;
  /** Finds the reservation a call runs in, so that nesting needs no `parent`; see `@imprest/core/node`. */
  readonly context?: ReservationContext | undefined;
}

/** How settlements are sent again until the authority has a final answer. */
export interface RetryOptions {
  /** The ceiling of the first wait, in milliseconds; 500 by default. Each later one is twice as high, with full jitter. */
  readonly firstDelayMs?: number | undefined;
  /** The highest ceiling, in milliseconds; 30,000 by default. */
  readonly longestDelayMs?: number | undefined;
  /** How often this process sends one settlement; without end by default. What is unsettled then stays in its record. */
  readonly attempts?: number | undefined;
  /** How many retries and replays run at a time, so that a backlog does not flood an authority; 32 by default. */
  readonly inBackground?: number | undefined;
}

/** Carries the current reservation through asynchronous calls, on platforms that can. */
export interface ReservationContext {
  /** The reservation within which this code runs. */
  current(): Reservation | undefined;
  /** Runs `body` within a reservation. */
  run<Result>(reservation: Reservation, body: () => Result): Result;
}
