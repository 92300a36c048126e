const minuteMs = 60_000;

/** Which decisions are to be looked at from when on, to the minute. */
export class DueQueue {
  readonly #minutes = new Map<number, Set<string>>();
  #earliest = Infinity;

  add(key: string, atMs: number): void {
    const minute = minuteOf(atMs);
    const keys = this.#minutes.get(minute) ?? new Set();
    this.#minutes.set(minute, keys.add(key));
    this.#earliest = Math.min(this.#earliest, minute);
  }

  remove(key: string, atMs: number): void {
    const keys = this.#minutes.get(minuteOf(atMs));
    keys?.delete(key);
    if (keys?.size === 0) this.#minutes.delete(minuteOf(atMs));
  }

  /** Takes out what is due, the earliest first. */
  take(nowMs: number): string[] {
    // A minute is looked at once it is wholly over; most calls end here.
    const now = minuteOf(nowMs);
    if (this.#earliest >= now) return [];
    const due = [...this.#minutes.keys()].filter((minute) => minute < now).sort((one, other) => one - other);
    const keys = due.flatMap((minute) => [...(this.#minutes.get(minute) ?? [])]);
    for (const minute of due) this.#minutes.delete(minute);
    this.#earliest = Math.min(...this.#minutes.keys(), Infinity);
    return keys;
  }
}

function minuteOf(atMs: number): number {
  return Math.floor(atMs / minuteMs);
}
