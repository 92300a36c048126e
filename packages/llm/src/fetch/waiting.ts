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

/** A call that waits, in the order in which they came. */
interface Waiter {
  readonly amount: bigint;
  /** The denial that had it wait; a call behind others has that of the first. */
  denial: DeniedError;
  /** Lets it ask again; while it asks, as soon as it has its answer. */
  wake(): void;
}

/**
 * The reservations that calls through one fetch hold, and those who wait for them. The waiting are woken in order: the first,
 * after it the next, as long as each finds money; where one does not fit, the next one that asks for less.
 */
export class Holds {
  readonly #open = new Set<Reservation>();
  /** Who waits, by whose money it is. */
  readonly #queues = new Map<string, Waiter[]>();
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
    const { amount, unit } = request.estimate;
    const key = JSON.stringify([unit, request.subject ?? {}]);
    // What has no room for a smaller one has none for this one.
    const before = waitMs > 0 ? this.#queues.get(key)?.find((waiter) => waiter.amount <= amount) : undefined;
    const turn = new Turn(clock, signal);
    let waiter: Waiter | undefined;
    const wait = (denial: DeniedError): Promise<void> | undefined => {
      if (waiter === undefined) {
        waiter = { amount, denial, wake: () => turn.wake() };
        const queue = this.#queues.get(key) ?? [];
        this.#queues.set(key, queue);
        queue.push(waiter);
        onWait(denial);
      }
      const leftMs = Math.max(0, until - clock.monotonic());
      // Others hold money that this process knows nothing of: whoever is first asks for all.
      const asks = authority.balance !== undefined && this.#queues.get(key)?.[0] === waiter;
      return turn.wait(asks ? Math.min(leftMs, askEveryMs) : leftMs);
    };
    try {
      if (before) await wait(before.denial);
      for (;;) {
        const ended = this.#ended;
        this.#asking += 1;
        try {
          const reservation = this.#keep(await open());
          this.#leave(key, waiter);
          // What is left may do for the next one.
          if (waiter) this.#queues.get(key)?.[0]?.wake();
          return reservation;
        } catch (error) {
          this.#asking -= 1;
          if (!DeniedError.isInstance(error) || !short.test(error.reasonCode ?? "")) throw error;
          const isHeld = this.#ended > ended || (await this.#holds(authority, request, signal));
          if (!isHeld || until <= clock.monotonic() || signal?.aborted) throw saying(error, isHeld, request, waitMs);
          if (waiter) waiter.denial = error;
          // A reservation that settled in the meantime has made room.
          if (this.#ended > ended) continue;
          if (waiter) wakeSmaller(this.#queues.get(key) ?? [], waiter);
          await wait(error);
        }
      }
    } catch (error) {
      this.#leave(key, waiter);
      this.#wake();
      throw error;
    } finally {
      turn.end();
    }
  }

  #leave(key: string, waiter: Waiter | undefined): void {
    const left = this.#queues.get(key)?.filter((other) => other !== waiter) ?? [];
    if (left.length > 0) this.#queues.set(key, left);
    else this.#queues.delete(key);
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

  /** The first of each queue: of another's money another may have made room. */
  #wake(): void {
    for (const [first] of this.#queues.values()) first?.wake();
  }
}

/** Wakes the next one behind `waiter` that asks for less than it. */
function wakeSmaller(queue: readonly Waiter[], waiter: Waiter): void {
  queue.find((other, at) => at > queue.indexOf(waiter) && other.amount < waiter.amount)?.wake();
}

/** One call's turns: it waits until it is woken, for so many milliseconds, or until the abort. */
class Turn {
  readonly #clock: Clock;
  readonly #unlink: () => void;
  #isWoken = false;
  #resolve: (() => void) | undefined;

  constructor(clock: Clock, signal: AbortSignal | undefined) {
    this.#clock = clock;
    this.#unlink = onAbort(signal, () => this.wake());
  }

  wake(): void {
    this.#isWoken = true;
    this.#resolve?.();
  }

  async wait(ms: number): Promise<void> {
    if (!this.#isWoken) {
      await new Promise<void>((resolve) => {
        const timer = this.#clock.setTimer(resolve, ms, true);
        this.#resolve = () => {
          timer.clear();
          resolve();
        };
      });
    }
    this.#resolve = undefined;
    this.#isWoken = false;
  }

  end(): void {
    this.#unlink();
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
