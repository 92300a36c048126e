import { UnusableError } from "./unusable-error.ts";

/** Between two turns at which the worker takes what the page has sent. */
const turnMs = 80;

/** One pass over the feed at a time: a later one, or a stop, ends the earlier one. */
export class Passes {
  #latest = 0;

  stop(): void {
    this.#latest += 1;
  }

  begin(): Pass {
    this.stop();
    const own = this.#latest;
    return new Pass(() => own === this.#latest);
  }
}

export class Pass {
  readonly #isLatest: () => boolean;
  #turnedMs = performance.now();

  constructor(isLatest: () => boolean) {
    this.#isLatest = isLatest;
  }

  /** @throws UnusableError for a pass that has been ended. */
  assertLatest(): void {
    if (!this.#isLatest()) throw new UnusableError("Stopped.");
  }

  /**
   * Takes every item, and a turn now and then. The source is closed, whatever ends the pass.
   * @param onTurn called before each turn.
   * @returns what the source returns. @throws UnusableError once the pass has been ended.
   */
  async over<Item, End>(
    source: AsyncGenerator<Item, End | undefined, undefined>,
    take: (item: Item) => void,
    onTurn: () => void = () => {},
  ): Promise<End | undefined> {
    try {
      for (let next = await source.next(); ; next = await source.next()) {
        if (next.done === true) return next.value;
        take(next.value);
        if (performance.now() - this.#turnedMs < turnMs) continue;
        onTurn();
        await new Promise((resolve) => setTimeout(resolve));
        this.assertLatest();
        this.#turnedMs = performance.now();
      }
    } finally {
      await source.return(undefined);
    }
  }
}
