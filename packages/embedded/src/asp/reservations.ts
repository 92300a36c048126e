import type { Clock, Timer } from "@imprest/core";
import { ExpiryQueue } from "../ledger/expiry-queue.ts";
import { TenantRetention } from "../ledger/tenant-retention.ts";
import type { FeedTime } from "./feed-time.ts";
import type { AspReservation, AspState } from "./reservation.ts";

export interface ReservationsParts {
  /** Of the timers. */
  readonly clock: Clock;
  readonly time: FeedTime;
  readonly graceWindowMs: number;
  /** How long what is over is remembered, and how many. */
  readonly rememberedMs: number;
  readonly mostRemembered: number;
  /** Called at the TTL of each reservation that is still open then (ASP §3.2: the boundary is a real event). */
  readonly onExpired: (reservation: AspReservation, nowMs: number) => void;
}

/** The reservations, and the two moments that come to them by themselves: the TTL, and the end of the grace window. */
export class Reservations {
  readonly #parts: ReservationsParts;
  readonly #byId = new Map<string, AspReservation>();
  readonly #due = new ExpiryQueue<AspReservation>();
  readonly #finished: TenantRetention<AspReservation>;
  #timer: Timer | undefined;
  #timerDueAtMs = Infinity;
  #stopped = false;

  constructor(parts: ReservationsParts) {
    this.#parts = parts;
    this.#finished = new TenantRetention({ forMs: parts.rememberedMs, entries: parts.mostRemembered }, ({ id }) =>
      this.#byId.delete(id),
    );
  }

  get size(): number {
    return this.#byId.size;
  }

  /** Every operation begins here, so that no answer depends on when a timer ran. @returns the time it happens at. */
  advance(): number {
    const nowMs = this.#parts.time.now();
    for (;;) {
      const reservation = this.#due.first();
      if (reservation === undefined || reservation.dueAtMs >= nowMs) break;
      if (reservation.state === "RESERVED") this.expire(reservation, nowMs);
      else this.finish(reservation, "EXPIRED_BEYOND_GRACE", nowMs);
    }
    this.#finished.prune(nowMs);
    return nowMs;
  }

  get(id: string): AspReservation | undefined {
    return this.#byId.get(id);
  }

  all(): Iterable<AspReservation> {
    return this.#byId.values();
  }

  /** Takes in a reservation, new or restored. */
  add(reservation: AspReservation): void {
    this.#byId.set(reservation.id, reservation);
    const { state } = reservation;
    if (state === "RESERVED" || state === "EXPIRED_IN_GRACE") this.#due.add(reservation);
    else this.#finished.add(reservation, this.#parts.time.now());
    this.#armTimer();
  }

  /** The TTL is over, the grace window begins. */
  expire(reservation: AspReservation, nowMs: number): void {
    reservation.state = "EXPIRED_IN_GRACE";
    reservation.dueAtMs = reservation.ttlExpiresAtMs + this.#parts.graceWindowMs;
    this.#due.update(reservation);
    this.#parts.onExpired(reservation, nowMs);
    this.#armTimer();
  }

  /** Nothing comes to it by itself any more. */
  finish(reservation: AspReservation, state: AspState, nowMs: number): void {
    const wasOver = reservation.queuePosition === -1;
    reservation.state = state;
    this.#due.remove(reservation);
    if (!wasOver) this.#finished.add(reservation, nowMs);
  }

  stop(): void {
    this.#stopped = true;
    this.#timer?.clear();
  }

  #armTimer(): void {
    const dueAtMs = this.#due.first()?.dueAtMs ?? Infinity;
    if (this.#stopped || dueAtMs >= this.#timerDueAtMs) return;
    this.#timer?.clear();
    this.#timerDueAtMs = dueAtMs;
    this.#timer = this.#parts.clock.setTimer(() => this.#onTimer(), dueAtMs + 1 - this.#parts.time.now());
  }

  #onTimer(): void {
    this.#timerDueAtMs = Infinity;
    this.advance();
    this.#armTimer();
  }
}
