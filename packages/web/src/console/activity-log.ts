import type { Activity } from "imprest/internal";

/** As many as the process behind the page remembers. */
const most = 5_000;
/** Rather than at each event, the oldest are forgotten some hundreds at a time. */
const slack = 500;

/** The latest activities, ascending by number, each once. */
export class ActivityLog {
  #kept: Activity[] = [];

  /** @returns those that were new. */
  add(batch: readonly Activity[]): readonly Activity[] {
    const last = this.#kept.at(-1)?.number ?? -1;
    const isOrdered = batch.every(({ number }, at) => number > (batch[at - 1]?.number ?? last));
    const fresh = isOrdered ? batch : this.#unseen(batch);
    this.#kept.push(...fresh);
    if (!isOrdered) this.#kept.sort((left, right) => left.number - right.number);
    if (this.#kept.length > most + slack) this.#kept = this.#kept.slice(-most);
    return fresh;
  }

  /** The newest first. */
  newest(isWanted: (activity: Activity) => boolean = () => true): Activity[] {
    return this.#kept.filter(isWanted).toReversed();
  }

  #unseen(batch: readonly Activity[]): Activity[] {
    const seen = new Set(this.#kept.map(({ number }) => number));
    return batch.filter(({ number }) => {
      if (seen.has(number)) return false;
      seen.add(number);
      return true;
    });
  }
}
