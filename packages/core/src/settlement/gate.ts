/** Lets at most `limit` pieces of work run at a time, in the order of asking. */
export class Gate {
  readonly #limit: number;
  readonly #waiting: (() => void)[] = [];
  #running = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Runs `work` in its turn. It must not reject. */
  enter(work: () => Promise<unknown>): void {
    const run = (): void => {
      this.#running += 1;
      void work().finally(() => {
        this.#running -= 1;
        this.#waiting.shift()?.();
      });
    };
    if (this.#running < this.#limit) run();
    else this.#waiting.push(run);
  }

  /** Forgets what has not begun. */
  clear(): void {
    this.#waiting.length = 0;
  }
}
