import type { EmittedEvent } from "@imprest/core/models/cycles";
import { isMovement } from "../ledger/facts.ts";
import type { Ledger } from "../ledger/ledger.ts";
import { type AnyEventContent, eventOf } from "./event.ts";
import { eventOfFact } from "./event-of-fact.ts";

/** Called with every event once what it reports is durable. What it throws is its own. */
export type LedgerEventListener = (event: EmittedEvent) => void;

/** Where events are kept. */
export interface EventSink {
  /** Takes an event in; called in the very step that it reports, so that one write makes both durable. */
  keep(event: EmittedEvent, traceFlags: string | undefined): void;
  /** Called once what was kept so far is durable. */
  kept(): void;
}

/**
 * Makes events of what happens in the ledger, and of what whoever stands on it reports. Each is kept at once, and passed
 * on when everything done so far is durable. Nothing is made of anything while nobody listens.
 */
export class EventStream {
  readonly #ledger: Ledger;
  readonly #onEvent: LedgerEventListener | undefined;
  #sink: EventSink | undefined;

  constructor(ledger: Ledger, onEvent: LedgerEventListener | undefined) {
    this.#ledger = ledger;
    this.#onEvent = onEvent;
    if (onEvent !== undefined) this.#listen();
  }

  /** Keeps every event from now on. */
  keepIn(sink: EventSink): void {
    this.#sink = sink;
    this.#listen();
  }

  /** Emits an event of whoever stands on the ledger. */
  emit(content: AnyEventContent): void {
    if (this.#sink === undefined && this.#onEvent === undefined) return;
    const moment = this.#ledger.moment();
    this.#passOn(eventOf(content, moment), moment.cause?.traceFlags);
  }

  #listen(): void {
    this.#ledger.listen((fact, moment) => {
      // Cycles has no event for what goes as it should.
      if (isMovement(fact)) return;
      this.#passOn(eventOf(eventOfFact(fact), moment), moment.cause?.traceFlags);
    });
  }

  #passOn(event: EmittedEvent, traceFlags: string | undefined): void {
    const { journal } = this.#ledger;
    this.#sink?.keep(event, traceFlags);
    const durable = journal === undefined ? Promise.resolve() : journal.durable();
    const passOn = (): void => {
      this.#sink?.kept();
      this.#onEvent?.(event);
    };
    // A store that failed fails every call; a listener's own failure must not break the ledger.
    durable.then(passOn).catch(() => {});
  }
}
