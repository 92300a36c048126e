import { type FileHandle, open, rename, unlink } from "node:fs/promises";
import { dirname } from "node:path";
import { randomHex } from "../platform/random.ts";
import { type Change, readLine, writeLine } from "./log-line.ts";
import { unlessErrno } from "./file-errors.ts";
import { flushDirectory } from "./record-directory.ts";

/** A rewrite is written in pieces of this many characters, so that a long one does not hold the event loop up. */
const pieceLength = 262_144;

/** What stands in a log. */
export interface LogContent {
  /** Every change that is whole, in order. */
  readonly changes: readonly Change[];
  /** Every line that is not, as its bytes: damaged, or torn off by the end of a process. */
  readonly damaged: readonly Uint8Array[];
  /** Whether more can be appended: the log is there, nothing in it is damaged and the last line has its end. */
  readonly isClean: boolean;
  /** The file is there without a line, the first one included: it has lost what it held. */
  readonly isEmpty: boolean;
}

/**
 * The first line of a log, so that an empty one was never whole: the end of a record that never was, which every version
 * reads as no record.
 */
const firstLine = writeLine({ key: "", version: undefined });

/** An append-only file that is rewritten when it has grown stale or a write to it has failed. */
export class LogFile {
  readonly path: string;
  #file: FileHandle | undefined;
  #size = 0;

  constructor(path: string) {
    this.path = path;
  }

  /** In bytes. */
  get size(): number {
    return this.#size;
  }

  /** Reads what is there; an absent file has no changes. */
  async read(): Promise<LogContent> {
    const changes: Change[] = [];
    const damaged: Uint8Array[] = [];
    const take = (line: string): void => {
      const bytes = Buffer.from(line, "latin1");
      const change = readLine(bytes.toString("utf8"));
      if (change === undefined) damaged.push(bytes);
      else changes.push(change);
    };
    const file = await unlessErrno("ENOENT", open(this.path, "r"));
    if (file === undefined) return { changes, damaged, isClean: false, isEmpty: false };
    let rest = "";
    // Latin-1 keeps every byte, so that damage is set aside as it was found.
    for await (const chunk of file.createReadStream({ encoding: "latin1" })) {
      const lines = `${rest}${String(chunk)}`.split("\n");
      rest = lines.pop() ?? "";
      for (const line of lines) take(line);
    }
    if (rest !== "") take(rest);
    const isEmpty = changes.length === 0 && damaged.length === 0;
    return { changes, damaged, isClean: rest === "" && damaged.length === 0, isEmpty };
  }

  /** Opens the file for appending, once `read` has found it clean. */
  async open(): Promise<void> {
    this.#file = await open(this.path, "a", 0o600);
    this.#size = (await this.#file.stat()).size;
  }

  /** Adds lines; they are durable when this resolves. A failure leaves the file in doubt: `rewrite` it. */
  async append(lines: string): Promise<void> {
    if (this.#file === undefined) throw new Error(`${this.path} is closed.`);
    const bytes = Buffer.from(lines);
    await this.#file.appendFile(bytes);
    await this.#file.datasync();
    this.#size += bytes.length;
  }

  /** Puts a file with just these changes in place of the one that is there; all durable when this resolves. */
  async rewrite(changes: Iterable<Change>): Promise<void> {
    const temporary = `${this.path}.${process.pid}.${randomHex(8)}.tmp`;
    const file = await open(temporary, "ax", 0o600);
    let size = 0;
    try {
      const write = async (piece: string): Promise<void> => {
        const bytes = Buffer.from(piece);
        await file.appendFile(bytes);
        size += bytes.length;
      };
      let piece = firstLine;
      for (const change of changes) {
        piece += writeLine(change);
        if (piece.length < pieceLength) continue;
        await write(piece);
        piece = "";
      }
      await write(piece);
      await file.sync();
      await rename(temporary, this.path);
    } catch (error) {
      await file.close();
      await unlessErrno("ENOENT", unlink(temporary));
      throw error;
    }
    await this.#file?.close().catch(() => {});
    this.#file = file;
    this.#size = size;
    await flushDirectory(dirname(this.path));
  }

  async close(): Promise<void> {
    const file = this.#file;
    this.#file = undefined;
    await file?.close();
  }
}
