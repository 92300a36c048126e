import type { Clock, Timer } from "@imprest/core";
import type { ActivityRing } from "./activity-ring.ts";
import type { Activity, LiveEvents } from "../../pages/console-wire.ts";

/** A browser opens one for each tab. */
const mostReaders = 16;
/** What a reader may leave unread, in bytes, before it is broken off; it comes back, and is resumed. */
const mostUnread = 2_097_152;
/** What is more than this at once, in characters, is not sent but loaded. */
const longestEvent = 524_288;
/** Between two events of a kind: four in a second are read as movement. */
const gatherMs = 250;

type Reader = ReadableStreamDefaultController<Uint8Array>;

export interface LiveFeedOptions {
  readonly clock: Clock;
  readonly ring: ActivityRing;
  /** Events to send with each batch of activities; called only while somebody reads. */
  readonly extraEvents: () => readonly string[];
}

/** Sends what happens to every page that is open. */
export class LiveFeed {
  readonly #options: LiveFeedOptions;
  readonly #readers = new Set<Reader>();
  readonly #encoder = new TextEncoder();
  #sentNumber: number;
  #lastFlushMs = -Infinity;
  #timer: Timer | undefined;
  #isClosed = false;

  constructor(options: LiveFeedOptions) {
    this.#options = options;
    this.#sentNumber = options.ring.lastNumber;
  }

  /** Sends what is new in the ring, and the extra events, soon. */
  wake(): void {
    if (this.#isClosed) return;
    const { clock } = this.#options;
    const waitMs = Math.max(0, this.#lastFlushMs + gatherMs - clock.monotonic());
    this.#timer ??= clock.setTimer(() => this.#flush(), waitMs);
  }

  send(text: string): void {
    if (this.#readers.size === 0) return;
    const bytes = this.#encoder.encode(text);
    for (const reader of this.#readers) this.#push(reader, bytes);
  }

  /**
   * Begins a stream.
   * @param after the number of the last activity that the reader has, if it has any.
   * @param first what it is sent first.
   * @returns `undefined` where too many are open, or the reader has left already.
   */
  open(after: number | undefined, first: string, signal: AbortSignal): ReadableStream<Uint8Array> | undefined {
    if (this.#isClosed || signal.aborted || this.#readers.size >= mostReaders) return undefined;
    let own: Reader | undefined;
    const leave = (): void => {
      if (own !== undefined) this.#readers.delete(own);
    };
    signal.addEventListener("abort", leave, { once: true });
    return new ReadableStream<Uint8Array>(
      {
        start: (reader) => {
          own = reader;
          // Everybody has what is in the ring, so that the next batch begins behind it.
          this.#flush();
          this.#readers.add(reader);
          this.#push(reader, this.#encoder.encode(`retry: 1000\n${first}${this.#missed(after)}`));
        },
        cancel: leave,
      },
      new ByteLengthQueuingStrategy({ highWaterMark: mostUnread }),
    );
  }

  close(): void {
    this.#isClosed = true;
    this.#timer?.clear();
    for (const reader of this.#readers) reader.close();
    this.#readers.clear();
  }

  #flush(): void {
    const { clock, ring, extraEvents } = this.#options;
    this.#timer?.clear();
    this.#timer = undefined;
    this.#lastFlushMs = clock.monotonic();
    const sentNumber = this.#sentNumber;
    this.#sentNumber = ring.lastNumber;
    if (this.#readers.size > 0) this.send(this.#batch(ring.after(sentNumber)) + extraEvents().join(""));
  }

  #missed(after: number | undefined): string {
    return after === undefined ? "" : this.#batch(this.#options.ring.after(after));
  }

  #batch(activities: readonly Activity[] | undefined): string {
    if (activities?.length === 0) return "";
    const { lastNumber } = this.#options.ring;
    const text = activities === undefined ? undefined : eventText("activity", activities, lastNumber);
    return text === undefined || text.length > longestEvent ? eventText("gap", {}, lastNumber) : text;
  }

  #push(reader: Reader, bytes: Uint8Array): void {
    if ((reader.desiredSize ?? 0) >= bytes.length) return reader.enqueue(bytes);
    this.#readers.delete(reader);
    reader.error(new Error("The page reads too slowly."));
  }
}

/** One event as it is sent. JSON of one line has no line end in it. */
export function eventText<Name extends keyof LiveEvents>(name: Name, data: LiveEvents[Name], id?: number): string {
  return `${id === undefined ? "" : `id: ${id}\n`}event: ${name}\ndata: ${JSON.stringify(data)}\n\n`;
}
