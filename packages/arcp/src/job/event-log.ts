import { type Deferred, createDeferred } from "@imprest/core";
import { ConsumerStalledError } from "../errors.ts";
import type { ArcpEvent } from "./event.ts";
import type { Pressure } from "./pressure.ts";

/** How many events, and how many characters of them, wait for a first consumer. */
const mostUnread = 1000;
const mostUnreadCharacters = 1_048_576;
/** What an event costs beside its text. */
const overhead = 256;

/**
 * The events of one job, handed out to any number of consumers. Each starts at the oldest event still held and sees
 * every one from there. With consumers, events are kept until the slowest has taken them and count as pressure;
 * without any, the last 1,000 are kept.
 */
export class EventLog {
  readonly #pressure: Pressure;
  readonly #cursors = new Set<EventCursor>();
  #events: ArcpEvent[] = [];
  #costs: number[] = [];
  /** How many events of `#events` are gone, and the place of the first that is left. */
  #dropped = 0;
  #head = 0;
  #cost = 0;
  #counted = 0;
  #ended: { readonly error: Error | undefined } | undefined;

  constructor(pressure: Pressure) {
    this.#pressure = pressure;
  }

  /** The place behind the last event. */
  get end(): number {
    return this.#dropped + this.#events.length - this.#head;
  }

  push(event: ArcpEvent, size: number): void {
    // Nothing is stored for consumers that all stand waiting.
    if (this.#cursors.size > 0 && this.#head === this.#events.length && this.#allWaiting()) {
      this.#dropped++;
      for (const cursor of this.#cursors) cursor.hand(event, this.#dropped);
      return;
    }
    this.#events.push(event);
    this.#costs.push(size + overhead);
    this.#cost += size + overhead;
    if (this.#cursors.size === 0) {
      while (this.#events.length - this.#head > mostUnread || this.#cost > mostUnreadCharacters) this.#dropFirst();
    } else {
      for (const cursor of this.#cursors) cursor.wake();
    }
    this.#settle();
  }

  /** No event follows. Consumers take what is left; with `error` they then fail. */
  close(error?: Error): void {
    this.#ended ??= { error };
    for (const cursor of this.#cursors) cursor.wake();
  }

  open(kinds: readonly string[] | undefined): EventCursor {
    const cursor = new EventCursor(this, this.#dropped, kinds && new Set(kinds));
    this.#cursors.add(cursor);
    this.#settle();
    return cursor;
  }

  /** True while someone reads. */
  get read(): boolean {
    return this.#cursors.size > 0;
  }

  /** The number of the oldest event that some consumer has not finished with; `undefined` when all have. */
  oldestUnprocessed(): number | undefined {
    let oldest: number | undefined;
    for (const cursor of this.#cursors) {
      const seq = cursor.inHand ?? this.at(cursor.position)?.seq;
      if (seq !== undefined && (oldest === undefined || seq < oldest)) oldest = seq;
    }
    return oldest;
  }

  /** Begins a period of watching for consumers that do not move. */
  mark(): void {
    for (const cursor of this.#cursors) cursor.moved = false;
  }

  /** Fails the consumers that hold events up and have not moved since `mark`. */
  failStalled(): void {
    for (const cursor of this.#cursors) {
      if (!cursor.moved && cursor.position < this.end) {
        cursor.fail(new ConsumerStalledError("A consumer of job events took none for too long and was cut off."));
      }
    }
  }

  /** @internal For cursors. */
  at(position: number): ArcpEvent | undefined {
    return this.#events[position - this.#dropped + this.#head];
  }

  /** @internal For cursors. */
  get ended(): { readonly error: Error | undefined } | undefined {
    return this.#ended;
  }

  /** @internal A cursor moved on. */
  advanced(): void {
    let slowest = Infinity;
    for (const cursor of this.#cursors) if (cursor.position < slowest) slowest = cursor.position;
    while (this.#dropped < slowest && this.#head < this.#events.length) this.#dropFirst();
    this.#settle();
  }

  /** @internal A cursor is done. */
  leave(cursor: EventCursor): void {
    this.#cursors.delete(cursor);
    if (this.#cursors.size > 0) this.advanced();
    else this.#settle();
  }

  #allWaiting(): boolean {
    for (const cursor of this.#cursors) if (!cursor.waiting) return false;
    return true;
  }

  #dropFirst(): void {
    this.#cost -= this.#costs[this.#head] ?? 0;
    this.#head++;
    this.#dropped++;
    if (this.#head < 512 && this.#head < this.#events.length) return;
    this.#events = this.#events.slice(this.#head);
    this.#costs = this.#costs.slice(this.#head);
    this.#head = 0;
  }

  /** Tells the session what this log's consumers hold up. */
  #settle(): void {
    const counted = this.#cursors.size > 0 ? this.#cost : 0;
    if (counted === this.#counted) return;
    const change = counted - this.#counted;
    this.#counted = counted;
    this.#pressure.change(change);
  }
}

/** One consumer. An event counts as processed when the consumer comes back for the next. */
export class EventCursor implements AsyncIterableIterator<ArcpEvent, undefined> {
  readonly #log: EventLog;
  readonly #kinds: ReadonlySet<string> | undefined;
  readonly #waiters: Deferred<IteratorResult<ArcpEvent, undefined>>[] = [];
  #done = false;
  #failure: Error | undefined;
  /** @internal The place of the next event to take. */
  position: number;
  /** @internal The number of the event the consumer is busy with. */
  inHand: number | undefined;
  /** @internal Whether the consumer took anything since the last look. */
  moved = true;

  constructor(log: EventLog, position: number, kinds: ReadonlySet<string> | undefined) {
    this.#log = log;
    this.position = position;
    this.#kinds = kinds;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  next(): Promise<IteratorResult<ArcpEvent, undefined>> {
    this.moved = true;
    this.inHand = undefined;
    if (this.#waiters.length === 0) {
      const taken = this.#take();
      if (taken !== undefined) return taken instanceof Error ? Promise.reject(taken) : Promise.resolve(taken);
    }
    const waiter = createDeferred<IteratorResult<ArcpEvent, undefined>>();
    this.#waiters.push(waiter);
    return waiter.promise;
  }

  return(): Promise<IteratorResult<ArcpEvent, undefined>> {
    this.#finish();
    for (const waiter of this.#waiters.splice(0)) waiter.resolve({ value: undefined, done: true });
    return Promise.resolve({ value: undefined, done: true });
  }

  /** @internal */
  get waiting(): boolean {
    return this.#waiters.length > 0;
  }

  /** @internal Takes an event without its being stored; `position` is the place behind it. */
  hand(event: ArcpEvent, position: number): void {
    this.position = position;
    if (!this.#wants(event)) return;
    this.inHand = event.seq || undefined;
    this.#waiters.shift()?.resolve({ value: event, done: false });
  }

  /** @internal Something was stored, or the log has ended. */
  wake(): void {
    while (this.#waiters.length > 0) {
      const taken = this.#take();
      if (taken === undefined) return;
      const waiter = this.#waiters.shift();
      if (taken instanceof Error) waiter?.reject(taken);
      else waiter?.resolve(taken);
    }
  }

  /** @internal */
  fail(error: Error): void {
    this.#failure = error;
    this.#finish();
    this.wake();
  }

  /** What the consumer gets next; `undefined` when it has to wait. */
  #take(): IteratorResult<ArcpEvent, undefined> | Error | undefined {
    if (this.#failure !== undefined) {
      const error = this.#failure;
      this.#failure = undefined;
      return error;
    }
    if (this.#done) return { value: undefined, done: true };
    for (let event = this.#log.at(this.position); event !== undefined; event = this.#log.at(this.position)) {
      this.position++;
      const wanted = this.#wants(event);
      if (wanted) this.inHand = event.seq || undefined;
      this.#log.advanced();
      if (wanted) return { value: event, done: false };
    }
    const { ended } = this.#log;
    if (ended === undefined) return undefined;
    this.#finish();
    return ended.error ?? { value: undefined, done: true };
  }

  #wants(event: ArcpEvent): boolean {
    return this.#kinds === undefined || event.kind === "gap" || this.#kinds.has(event.kind);
  }

  #finish(): void {
    if (this.#done) return;
    this.#done = true;
    this.inHand = undefined;
    this.#log.leave(this);
  }
}
