/** First and last of numbers that follow each other. */
export type SequenceRange = readonly [first: number, last: number];

/** A feed with more holes than that is no feed; the oldest two ranges are then taken for one. */
const mostRanges = 65_536;

/** Which numbers of a sequence have been seen, as ranges: as small as the sequence has gaps. */
export class SequenceRanges {
  /** Ascending, never touching. */
  readonly #ranges: { first: number; last: number }[];

  constructor(ranges: readonly SequenceRange[] = []) {
    this.#ranges = ranges.map(([first, last]) => ({ first, last }));
  }

  /** @returns false for a number that was seen before. */
  add(value: number): boolean {
    const at = this.#placeOf(value);
    const before = this.#ranges[at - 1];
    const after = this.#ranges[at];
    if (before !== undefined && value <= before.last) return false;
    const joinsBefore = before !== undefined && value === before.last + 1;
    const joinsAfter = after !== undefined && value === after.first - 1;
    if (joinsBefore && joinsAfter) {
      before.last = after.last;
      this.#ranges.splice(at, 1);
    } else if (joinsBefore) before.last = value;
    else if (joinsAfter) after.first = value;
    else this.#ranges.splice(at, 0, { first: value, last: value });
    const [oldest, next] = this.#ranges;
    if (this.#ranges.length > mostRanges && oldest !== undefined && next !== undefined) {
      this.#ranges.splice(0, 2, { first: oldest.first, last: next.last });
    }
    return true;
  }

  get last(): number | undefined {
    return this.#ranges.at(-1)?.last;
  }

  get ranges(): SequenceRange[] {
    return this.#ranges.map(({ first, last }) => [first, last]);
  }

  /** The numbers from `from` up to the last that were not seen, as ranges. */
  gaps(from: number): SequenceRange[] {
    const gaps: SequenceRange[] = [];
    let next = from;
    for (const { first, last } of this.#ranges) {
      if (first > next) gaps.push([next, first - 1]);
      next = Math.max(next, last + 1);
    }
    return gaps;
  }

  /** Where the first range stands that begins after `value`. Feeds are nearly in order, so the end is tried first. */
  #placeOf(value: number): number {
    let [low, high] = [0, this.#ranges.length];
    if ((this.#ranges[high - 1]?.first ?? -Infinity) <= value) return high;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#ranges[middle]?.first ?? 0) > value) high = middle;
      else low = middle + 1;
    }
    return low;
  }
}
