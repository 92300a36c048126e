/** Counts what consumers have not taken yet, in characters, and reports when it crosses the limit and when it is half gone. */
export class Pressure {
  readonly #limit: number;
  readonly #onChange: (high: boolean) => void;
  #held = 0;
  #high = false;

  constructor(limit: number, onChange: (high: boolean) => void) {
    this.#limit = limit;
    this.#onChange = onChange;
  }

  get high(): boolean {
    return this.#high;
  }

  /** Adds, or takes away, what one consumer holds up. */
  change(by: number): void {
    this.#held += by;
    const high = this.#high ? this.#held > this.#limit / 2 : this.#held > this.#limit;
    if (high === this.#high) return;
    this.#high = high;
    this.#onChange(high);
  }
}
