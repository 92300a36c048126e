import { type Deferred, createDeferred } from "@imprest/core/internal";
import { ConsumerStalledError } from "../errors.ts";
import { type ArcpEvent, gapEvent } from "./event.ts";
import type { Pressure } from "./pressure.ts";

/** How many events, and how many characters of them, are held for consumers that begin late. */
const mostHeld = 1000;
const mostHeldCharacters = 1_048_576;
/** What an event costs beside its text. */
const overhead = 256;

/**
 * The events of one job, handed out to any number of consumers. Each starts at the oldest event still held and sees
 * every one from there. The last 1,000 are held; beyond them what the slowest consumer has not taken, which counts as
 * pressure. A reader that begins when some are gone gets a gap notice first.
 */
export class EventLog {
  readonly #pressure: Pressure;
  readonly #cursors = new Set<EventCursor>();
  #events: ArcpEvent[] = [];
  /** What all events up to and including each of `#events` cost together. */
  #costs: number[] = [];
  /** The place of the first event that is held, and where in `#events` it stands. */
  #first = 0;
  #head = 0;
  #total = 0;
  /** What the dropped events cost. */
  #droppedCost = 0;
  #counted = 0;
  #ended: { readonly error: Error | undefined } | undefined;
  /** The first and the last numbered event that was dropped before anyone read it. */
  #forgotten: { readonly jobId: string; readonly from: number; to: number } | undefined;
  #isPinned = false;

  constructor(pressure: Pressure) {
    this.#pressure = pressure;
  }

  /** Keeps every event from now on: whoever submitted the job has yet to begin to read. */
  pin(): void {
    this.#isPinned = true;
  }

  /** A reader has begun, or has had the time to. */
  unpin(): void {
    if (!this.#isPinned) return;
    this.#isPinned = false;
    this.#trim();
  }

  /** The place behind the last event. */
  get end(): number {
    return this.#first + this.#events.length - this.#head;
  }

  push(event: ArcpEvent, size: number): void {
    this.#total += size + overhead;
    this.#events.push(event);
    this.#costs.push(this.#total);
    for (const cursor of this.#cursors) cursor.wake();
    this.#trim();
  }

  /** No event follows. Consumers take what is left; with `error` they then fail. */
  close(error?: Error): void {
    this.#ended ??= { error };
    for (const cursor of this.#cursors) cursor.wake();
  }

  open(kinds: readonly string[] | undefined): EventCursor {
    const cursor = new EventCursor(this, this.#first, kinds && new Set(kinds), this.#forgottenEvents());
    this.#cursors.add(cursor);
    this.#isPinned = false;
    this.#trim();
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
    return this.#events[position - this.#first + this.#head];
  }

  /** @internal For cursors. */
  get ended(): { readonly error: Error | undefined } | undefined {
    return this.#ended;
  }

  /** @internal A cursor moved on. */
  advanced(): void {
    // While nothing is held up, a step forward changes nothing.
    if (this.#counted > 0 || this.end - this.#first > mostHeld) this.#trim();
  }

  /** @internal A cursor is done. */
  leave(cursor: EventCursor): void {
    this.#cursors.delete(cursor);
    this.#trim();
  }

  /** Drops what nobody waits for, and reports to the session what consumers hold up. */
  #trim(): void {
    let slowest = this.end;
    for (const cursor of this.#cursors) if (cursor.position < slowest) slowest = cursor.position;
    while (!this.#isPinned && this.#first < slowest && this.#exceeds()) {
      this.#droppedCost = this.#costs[this.#head] ?? this.#total;
      this.#forget(this.#events[this.#head]);
      this.#first++;
      this.#head++;
    }
    // The arrays are cut now and then, not at every event.
    if (this.#head >= 512) {
      this.#events = this.#events.slice(this.#head);
      this.#costs = this.#costs.slice(this.#head);
      this.#head = 0;
    }
    const taken = this.#costs[slowest - this.#first + this.#head - 1] ?? this.#droppedCost;
    const change = this.#total - taken - this.#counted;
    if (change === 0) return;
    this.#counted += change;
    this.#pressure.change(change);
  }

  #forget(event: ArcpEvent | undefined): void {
    if (event === undefined || event.seq === 0) return;
    if (this.#forgotten === undefined) this.#forgotten = { jobId: event.jobId, from: event.seq, to: event.seq };
    else this.#forgotten.to = event.seq;
  }

  /** The notice that a reader who begins now has missed what is gone. */
  #forgottenEvents(): ArcpEvent | undefined {
    return this.#forgotten && gapEvent(this.#forgotten.jobId, { from: this.#forgotten.from, to: this.#forgotten.to });
  }

  #exceeds(): boolean {
    return this.end - this.#first > mostHeld || this.#total - this.#droppedCost > mostHeldCharacters;
  }
}

/** One consumer. An event counts as processed when the consumer comes back for the next. */
export class EventCursor implements AsyncIterableIterator<ArcpEvent, undefined> {
  readonly #log: EventLog;
  readonly #kinds: ReadonlySet<string> | undefined;
  readonly #waiters: Deferred<IteratorResult<ArcpEvent, undefined>>[] = [];
  #done = false;
  #failure: Error | undefined;
  /** What it has missed before it began, handed out first. */
  #missed: ArcpEvent | undefined;
  /** @internal The place of the next event to take. */
  position: number;
  /** @internal The number of the event the consumer is busy with. */
  inHand: number | undefined;
  /** @internal Whether the consumer took anything since the last look. */
  moved = true;

  constructor(log: EventLog, position: number, kinds: ReadonlySet<string> | undefined, missed: ArcpEvent | undefined) {
    this.#log = log;
    this.#missed = missed;
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
    if (this.#missed !== undefined) {
      const value = this.#missed;
      this.#missed = undefined;
      return { value, done: false };
    }
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
