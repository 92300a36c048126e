/** Keeps frames until there is a receiver and while reading is paused; then delivers them in order. */
export class Inbox {
  #listener: ((text: string) => void) | undefined;
  #paused = false;
  #waiting: string[] = [];

  onMessage(listener: (text: string) => void): void {
    this.#listener = listener;
    this.#drain();
  }

  deliver(text: string): void {
    if (this.#listener === undefined || this.#paused || this.#waiting.length > 0) this.#waiting.push(text);
    else this.#listener(text);
  }

  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    this.#paused = false;
    this.#drain();
  }

  #drain(): void {
    const { length } = this.#waiting;
    let delivered = 0;
    // A receiver may pause in the middle; the rest waits for the next `resume`.
    while (delivered < this.#waiting.length && !this.#paused && this.#listener !== undefined) {
      this.#listener(this.#waiting[delivered++] ?? "");
    }
    if (length > 0) this.#waiting = this.#waiting.slice(delivered);
  }
}
