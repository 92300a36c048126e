/** What waits in the queue. */
export interface Expiring {
  /** When it falls due, epoch milliseconds; `update` the queue after changing it. */
  dueAtMs: number;
  /** Where it stands in the queue; -1 outside. Only the queue writes it. */
  queuePosition: number;
}

/**
 * A binary heap by due time. Entries know their place, so that a settled reservation leaves at once instead of
 * lingering until its expiry: the queue is as long as there are active reservations.
 */
export class ExpiryQueue<Entry extends Expiring> {
  readonly #heap: Entry[] = [];

  get size(): number {
    return this.#heap.length;
  }

  /** The entry that falls due first. */
  first(): Entry | undefined {
    return this.#heap[0];
  }

  add(entry: Entry): void {
    this.#heap.push(entry);
    this.#rise(this.#heap.length - 1, entry);
  }

  /** Puts an entry whose due time changed in its new place. */
  update(entry: Entry): void {
    this.#rise(entry.queuePosition, entry);
    this.#sink(entry.queuePosition, entry);
  }

  remove(entry: Entry): void {
    const position = entry.queuePosition;
    if (position === -1) return;
    entry.queuePosition = -1;
    const last = this.#heap.pop();
    if (last === undefined || last === entry) return;
    this.#place(position, last);
    this.update(last);
  }

  #rise(start: number, entry: Entry): void {
    let position = start;
    while (position > 0) {
      const above = (position - 1) >> 1;
      const parent = this.#heap[above];
      if (parent === undefined || parent.dueAtMs <= entry.dueAtMs) break;
      this.#place(position, parent);
      position = above;
    }
    this.#place(position, entry);
  }

  #sink(start: number, entry: Entry): void {
    let position = start;
    for (;;) {
      let below = 2 * position + 1;
      const left = this.#heap[below];
      if (left === undefined) break;
      const right = this.#heap[below + 1];
      let child = left;
      if (right !== undefined && right.dueAtMs < left.dueAtMs) {
        child = right;
        below += 1;
      }
      if (entry.dueAtMs <= child.dueAtMs) break;
      this.#place(position, child);
      position = below;
    }
    this.#place(position, entry);
  }

  #place(position: number, entry: Entry): void {
    this.#heap[position] = entry;
    entry.queuePosition = position;
  }
}
