import {
  type Clock,
  DeniedError,
  type Reservation,
  type ReserveRequest,
  type SpendAuthority,
  systemClock,
  formatAmount,
} from "@imprest/core";
import { onAbort } from "@imprest/core/internal";

/** Words of the wires for money that is not there; a frozen budget or a policy is not waited for. */
const short = /(?:budget|fund|balance)s?_?(?:exceeded|exhausted|insufficient)|insufficient_(?:budget|fund|balance)s?/i;
/** How often an authority is asked for what other processes hold. */
const askEveryMs = 500;

export interface WaitOptions {
  readonly authority: SpendAuthority;
  readonly request: ReserveRequest;
  readonly waitMs: number;
  readonly signal: AbortSignal | undefined;
  /** Called when a call begins to wait. */
  readonly onWait: (denial: DeniedError) => void;
}

/** The reservations that calls through one fetch hold, and those who wait for them. */
export class Holds {
  readonly #open = new Set<Reservation>();
  readonly #waiting = new Set<() => void>();
  /** Attempts to reserve whose answer is not there yet: each may hold money already. */
  #asking = 0;
  #ended = 0;

  /**
   * Opens a reservation; where the money is held by others it waits for them to settle.
   * @throws DeniedError that says whether money was held or spent; what `open` throws otherwise.
   */
  async open(open: () => Promise<Reservation>, options: WaitOptions): Promise<Reservation> {
    const { authority, request, waitMs, signal, onWait } = options;
    const clock = authority.environment?.clock ?? systemClock;
    const until = clock.monotonic() + waitMs;
    let hasWaited = false;
    for (;;) {
      const before = this.#ended;
      this.#asking += 1;
      try {
        return this.#keep(await open());
      } catch (error) {
        this.#asking -= 1;
        if (!DeniedError.isInstance(error) || !short.test(error.reasonCode ?? "")) {
          this.#wake();
          throw error;
        }
        const isHeld = this.#ended > before || (await this.#holds(authority, request, signal));
        const leftMs = until - clock.monotonic();
        if (!isHeld || leftMs <= 0 || signal?.aborted) {
          this.#wake();
          throw saying(error, isHeld, request, waitMs);
        }
        if (!hasWaited) onWait(error);
        hasWaited = true;
        // A reservation that settled in the meantime has made room.
        const waitedMs = authority.balance === undefined ? leftMs : Math.min(leftMs, askEveryMs);
        if (this.#ended === before) await this.#next(clock, waitedMs, signal);
      }
    }
  }

  /** Whether the request fits once others have settled: by the books, where the authority can say, else by this fetch. */
  async #holds(authority: SpendAuthority, request: ReserveRequest, signal: AbortSignal | undefined): Promise<boolean> {
    const { subject, estimate } = request;
    const asked = authority.balance?.({ subject, unit: estimate.unit }, { signal });
    const books = await asked?.catch(() => undefined);
    if (books?.reserved === undefined) return this.#open.size > 0 || this.#asking > 0;
    return books.remaining.amount + books.reserved.amount >= estimate.amount;
  }

  #keep(reservation: Reservation): Reservation {
    this.#asking -= 1;
    this.#open.add(reservation);
    const end = (): void => {
      this.#open.delete(reservation);
      this.#ended += 1;
      this.#wake();
    };
    reservation.settlement.then(end, end);
    return reservation;
  }

  #wake(): void {
    for (const wake of this.#waiting) wake();
  }

  /** The next settlement, or so many milliseconds, or the abort. */
  #next(clock: Clock, ms: number, signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve) => {
      const wake = (): void => {
        this.#waiting.delete(wake);
        timer.clear();
        unlink();
        resolve();
      };
      const timer = clock.setTimer(wake, ms, true);
      this.#waiting.add(wake);
      const unlink = onAbort(signal, wake);
    });
  }
}

/** The denial, saying which of the two it was. */
function saying(denial: DeniedError, isHeld: boolean, { estimate }: ReserveRequest, waitMs: number): DeniedError {
  const { decision, reasonCode, caps, retryAfterMs, requestId, traceId } = denial;
  const why = isHeld
    ? `Calls in flight still hold budget after a wait of ${waitMs} ms.`
    : `No call in flight holds budget, and this one can cost ${formatAmount(estimate)}: limit its answer, or fund the budget.`;
  const fields = { decision, reasonCode, caps, retryAfterMs, requestId, traceId, isHeld };
  return new DeniedError(`${denial.message} ${why}`, fields, { cause: denial });
}
