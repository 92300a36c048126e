import { LedgerRefusal } from "./refusal.ts";
import type { Reservation } from "./reservation.ts";

/** How much one tenant may hold at once. */
export interface ActiveBounds {
  readonly reservations: number;
  /** Of metadata, in bytes. */
  readonly metadataBytes: number;
}

/** The reservations of one tenant, oldest first, and what its active ones take. */
interface Held {
  readonly all: Set<Reservation>;
  active: number;
  metadataBytes: number;
}

/** Reservations by tenant: a list looks at the tenant's own, and no tenant fills the memory with active ones. */
export class TenantReservations {
  readonly #held = new Map<string, Held>();
  readonly #most: ActiveBounds;

  constructor(most: ActiveBounds) {
    this.#most = most;
  }

  of(tenant: string): IteratorObject<Reservation> {
    return (this.#held.get(tenant)?.all ?? new Set<Reservation>()).values();
  }

  /** @throws LedgerRefusal LIMIT_EXCEEDED where one more, with so many bytes of metadata, would be too many. */
  assertRoom(tenant: string, metadataBytes: number): void {
    const held = this.#held.get(tenant);
    const { reservations, metadataBytes: mostBytes } = this.#most;
    if ((held?.active ?? 0) >= reservations) {
      throw new LedgerRefusal(
        "LIMIT_EXCEEDED",
        `${tenant} has ${reservations} active reservations; settle some first.`,
      );
    }
    if ((held?.metadataBytes ?? 0) + metadataBytes <= mostBytes) return;
    const message = `The active reservations of ${tenant} hold ${mostBytes} bytes of metadata; settle some first.`;
    throw new LedgerRefusal("LIMIT_EXCEEDED", message);
  }

  add(reservation: Reservation): void {
    const held = this.#held.get(reservation.tenant) ?? { all: new Set(), active: 0, metadataBytes: 0 };
    this.#held.set(reservation.tenant, held);
    held.all.add(reservation);
    if (reservation.status !== "ACTIVE") return;
    held.active += 1;
    held.metadataBytes += reservation.metadataBytes;
  }

  /** Notes that a reservation, active until now, ends. */
  end({ tenant, metadataBytes }: Reservation): void {
    const held = this.#held.get(tenant);
    if (held === undefined) return;
    held.active -= 1;
    held.metadataBytes -= metadataBytes;
  }

  /** Forgets one that has ended. */
  forget(reservation: Reservation): void {
    const held = this.#held.get(reservation.tenant);
    held?.all.delete(reservation);
    if (held?.all.size === 0) this.#held.delete(reservation.tenant);
  }
}
