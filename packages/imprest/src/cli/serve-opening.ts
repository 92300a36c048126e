import type { Terminal } from "./terminal.ts";

/** What `imprest serve` prints of its start, in the order of use: its address, the keys, the rest, then warnings. */
export class Opening {
  readonly #terminal: Terminal;
  readonly #addresses: string[] = [];
  readonly #keys: string[] = [];
  readonly #notes: string[] = [];
  readonly #warnings: string[] = [];

  constructor(terminal: Terminal) {
    this.#terminal = terminal;
  }

  address(line: string): void {
    this.#addresses.push(line);
  }

  key(line: string): void {
    this.#keys.push(line);
  }

  note(line: string): void {
    this.#notes.push(line);
  }

  warn(line: string): void {
    this.#warnings.push(`imprest serve: ${line}`);
  }

  /** Prints what is not printed yet. */
  async close(): Promise<void> {
    const lines = [this.#addresses, this.#keys, this.#notes].flatMap((part) => part.splice(0));
    if (lines.length > 0) await this.#terminal.write(`${lines.join("\n")}\n`);
    for (const line of this.#warnings.splice(0)) this.#terminal.warn(`${line}\n`);
  }
}
