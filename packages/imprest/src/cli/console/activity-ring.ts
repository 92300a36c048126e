import type { NewActivity } from "./source.ts";
import type { Activity, ActivityList } from "../../pages/console-wire.ts";

/** An hour of a busy agent; and so that long texts do not add up. */
const bounds = { activities: 5_000, bytes: 4_194_304 } as const;

interface Kept {
  readonly activity: Activity;
  readonly bytes: number;
}

/** The latest activities, by ascending number: what a page loads, and what a stream that broke off is resumed from. */
export class ActivityRing {
  #kept: Kept[] = [];
  /** Where the oldest one stands: what is before it has been forgotten, and is cut off now and then. */
  #start = 0;
  #bytes = 0;
  #lastNumber = 0;

  /** The number of the latest activity that there ever was; 0 before the first. */
  get lastNumber(): number {
    return this.#lastNumber;
  }

  add(news: readonly NewActivity[]): readonly Activity[] {
    return news.map((one) => {
      this.#lastNumber += 1;
      const activity: Activity = { number: this.#lastNumber, ...one };
      const bytes = Buffer.byteLength(JSON.stringify(activity));
      this.#kept.push({ activity, bytes });
      this.#bytes += bytes;
      this.#forget();
      return activity;
    });
  }

  list(): ActivityList {
    const activities = this.#kept.slice(this.#start).map(({ activity }) => activity);
    return { activities, isCut: activities.length < this.#lastNumber };
  }

  /** What came after a number; `undefined` where some of it is forgotten, or the number is none of ours. */
  after(number: number): readonly Activity[] | undefined {
    const missed = this.#lastNumber - number;
    if (!Number.isSafeInteger(number) || number < 0 || missed < 0) return undefined;
    if (missed > this.#kept.length - this.#start) return undefined;
    return this.#kept.slice(this.#kept.length - missed).map(({ activity }) => activity);
  }

  ofReservation(id: string): readonly Activity[] {
    return this.list().activities.filter(({ reservationId }) => reservationId === id);
  }

  #forget(): void {
    while (this.#kept.length - this.#start > bounds.activities || this.#bytes > bounds.bytes) {
      this.#bytes -= this.#kept[this.#start]?.bytes ?? 0;
      this.#start += 1;
    }
    if (this.#start < bounds.activities) return;
    this.#kept = this.#kept.slice(this.#start);
    this.#start = 0;
  }
}
