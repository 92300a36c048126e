import {
  type Clock,
  DeniedError,
  type Reservation,
  type ReserveRequest,
  type SpendAuthority,
  systemClock,
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
      try {
        return this.#keep(await open());
      } catch (error) {
        if (!DeniedError.isInstance(error) || !short.test(error.reasonCode ?? "")) throw error;
        // A reservation that settled while this one was asked for has made room.
        const isFreed = this.#ended > before;
        const isHeldHere = this.#open.size > 0 || isFreed;
        const isHeld = isHeldHere || (await isHeldElsewhere(authority, request, signal));
        const leftMs = until - clock.monotonic();
        if (!isHeld || leftMs <= 0 || signal?.aborted) throw saying(error, isHeld, waitMs);
        if (!hasWaited) onWait(error);
        hasWaited = true;
        if (!isFreed) await this.#next(clock, isHeldHere ? leftMs : Math.min(leftMs, askEveryMs), signal);
      }
    }
  }

  #keep(reservation: Reservation): Reservation {
    this.#open.add(reservation);
    const end = (): void => {
      this.#open.delete(reservation);
      this.#ended += 1;
      for (const wake of this.#waiting) wake();
    };
    reservation.settlement.then(end, end);
    return reservation;
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

/** Whether reservations of others hold money of the budget; false where the authority cannot say. */
async function isHeldElsewhere(
  authority: SpendAuthority,
  { subject, estimate }: ReserveRequest,
  signal: AbortSignal | undefined,
): Promise<boolean> {
  const asked = authority.balance?.({ subject, unit: estimate.unit }, { signal });
  const books = await asked?.catch(() => undefined);
  return (books?.reserved?.amount ?? 0n) > 0n;
}

/** The denial, saying which of the two it was. */
function saying(denial: DeniedError, isHeld: boolean, waitMs: number): DeniedError {
  const { decision, reasonCode, caps, retryAfterMs, requestId, traceId } = denial;
  const why = isHeld
    ? `Calls in flight still hold budget after a wait of ${waitMs} ms.`
    : "No call in flight holds budget: it is spent.";
  const fields = { decision, reasonCode, caps, retryAfterMs, requestId, traceId, isHeld };
  return new DeniedError(`${denial.message} ${why}`, fields, { cause: denial });
}
