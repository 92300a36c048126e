import type { AspPlane, VerifiedLine } from "../asp/asp-plane.ts";
import type { AspSigningKey } from "../asp/options.ts";
import type { AspReservationInfo } from "../asp/reservation.ts";
import type { Ledger } from "../ledger/ledger.ts";

/** The signed events of ASP, and the state that they prove; there with the option `asp`. */
export class AuditGroup {
  readonly #ledger: Ledger;
  readonly #asp: AspPlane;

  constructor(ledger: Ledger, asp: AspPlane) {
    this.#ledger = ledger;
    this.#asp = asp;
  }

  /** Signs ASP's events with another key from now on; the one before stays published as long as its events are kept. */
  async rotateKey(next: AspSigningKey): Promise<void> {
    await this.#asp.rotate(next);
    await this.#ledger.durable();
  }

  /** A tenant's reservations over ASP, as far as they are remembered. */
  reservations(tenant: string): AspReservationInfo[] {
    return this.#asp.reservations(tenant);
  }

  /** Every signed event that is kept, as lines of JSON, each tenant's in order. */
  events(): AsyncGenerator<string, void, undefined> {
    return this.#asp.events();
  }

  /**
   * Restores what ASP's events record: reservations, answers, holds and spends, into budgets that were created anew. The
   * caller has verified the lines (`verifyAuditEvent` of `@imprest/asp/audit`).
   * @throws ConfigurationError when an event was signed here already, for an event of another issuer, and for a feed with
   * a hole or out of order; LedgerRefusal for a budget that is not there. Nothing is restored then.
   */
  async rebuild(feed: Iterable<VerifiedLine> | AsyncIterable<VerifiedLine>): Promise<void> {
    await this.#asp.rebuild(feed);
    await this.#ledger.durable();
  }
}
