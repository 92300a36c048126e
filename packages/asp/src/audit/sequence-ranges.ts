/** Which numbers of a sequence have been seen, as ranges: as small as the sequence has gaps. */
export class SequenceRanges {
  /** First and last of each range, ascending, never touching. */
  readonly #ranges: { first: number; last: number }[] = [];

  /** @returns false for a number that was seen before. */
  add(value: number): boolean {
    let at = this.#ranges.length;
    // Feeds are nearly in order, so the place is near the end.
    while (at > 0 && (this.#ranges[at - 1]?.first ?? 0) > value) at -= 1;
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
    return true;
  }

  get last(): number | undefined {
    return this.#ranges.at(-1)?.last;
  }

  /** The numbers from `from` up to the last that were not seen, as ranges. */
  gaps(from: number): { readonly first: number; readonly last: number }[] {
    const gaps: { readonly first: number; readonly last: number }[] = [];
    let next = from;
    for (const { first, last } of this.#ranges) {
      if (first > next) gaps.push({ first: next, last: first - 1 });
      next = Math.max(next, last + 1);
    }
    return gaps;
  }
}
