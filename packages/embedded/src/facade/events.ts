import type { EmittedEvent } from "@imprest/core/models/cycles";
import type { EventListQuery } from "@imprest/core/models/cycles/governance";
import type { GovernancePlane } from "../governance/plane.ts";
import type { Ledger } from "../ledger/ledger.ts";
import type { Page } from "../ledger/page.ts";

/** The events that are kept; there with the option `governance`. */
export class EventGroup {
  readonly #ledger: Ledger;
  readonly #plane: GovernancePlane;

  constructor(ledger: Ledger, plane: GovernancePlane) {
    this.#ledger = ledger;
    this.#plane = plane;
  }

  /** Events that match, newest first unless asked otherwise, a page at a time (Cycles governance §listEvents). */
  list(query: EventListQuery = {}): Promise<Page<EmittedEvent>> {
    return this.#ledger.durably(() => this.#plane.listEvents(query));
  }

  /** One event; `undefined` for one that is unknown or no longer kept. */
  get(eventId: string): Promise<EmittedEvent | undefined> {
    return this.#ledger.durably(() => this.#plane.getEvent(eventId));
  }
}
