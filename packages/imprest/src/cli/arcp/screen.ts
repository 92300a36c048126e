import type { Terminal } from "../terminal.ts";

/** How often the status line is drawn again, in milliseconds. */
const everyMs = 100;

/** Lines and a status line on standard error, raw bytes on standard output, kept apart where both are one screen. */
export class Screen {
  readonly #terminal: Terminal;
  #status = "";
  /** What the status line shows now; empty where there is none. */
  #shown = "";
  #timer: ReturnType<typeof setTimeout> | undefined;
  #midLine = false;

  constructor(terminal: Terminal) {
    this.#terminal = terminal;
  }

  /** Prints a line above the status line. */
  line(text: string): void {
    this.#erase();
    if (this.#midLine) this.#terminal.warn("\n");
    this.#midLine = false;
    this.#terminal.warn(`${text}\n`);
    this.#draw();
  }

  /** Sets the status line, where somebody watches; of many in a short time, the first and the newest are drawn. */
  status(text: string): void {
    if (text === this.#status) return;
    this.#status = text;
    if (this.#timer !== undefined) return;
    this.#draw();
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.#draw();
    }, everyMs);
  }

  /** Hands bytes to standard output. */
  async output(bytes: Uint8Array): Promise<void> {
    if (this.#terminal.interactiveOutput) {
      this.#erase();
      this.#midLine = bytes.at(-1) !== 0x0a;
    }
    await this.#terminal.write(bytes);
  }

  /** Takes the status line away. */
  end(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#erase();
    this.#status = "";
  }

  #draw(): void {
    // A status line over half a line of output would destroy it.
    if (!this.#terminal.interactive || this.#status === this.#shown || this.#midLine) return;
    this.#terminal.warn(`\r\u001b[K${this.#status}`);
    this.#shown = this.#status;
  }

  #erase(): void {
    if (this.#shown !== "") this.#terminal.warn("\r\u001b[K");
    this.#shown = "";
  }
}
