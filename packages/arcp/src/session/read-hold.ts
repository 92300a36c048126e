/** Reading that is stopped by staying away: the connection is dropped, and not made again before the hold ends. */
export class ReadHold {
  #ended: Promise<void> | undefined;
  #end: (() => void) | undefined;

  /** The end of the hold that is on. */
  get ended(): Promise<void> | undefined {
    return this.#ended;
  }

  begin(): void {
    this.#ended ??= new Promise((resolve) => {
      this.#end = resolve;
    });
  }

  end(): void {
    this.#end?.();
    this.#ended = undefined;
    this.#end = undefined;
  }
}
