import { createDeferred } from "../platform/async.ts";
import { randomHex } from "../platform/random.ts";
import type { RecordStore, RecordValue, StoredRecord } from "../records/record-store.ts";
import { takeLock } from "./file-lock.ts";
import { LogFile } from "./log-file.ts";
import { type Change, writeLine } from "./log-line.ts";
import { type OnQuarantine, warnOfQuarantine } from "./quarantine.ts";
import { contentIsGone } from "./file-errors.ts";
import { RecordDirectory } from "./record-directory.ts";

/** Where a log store keeps its log. */
export interface LogRecordStoreOptions {
  /** Created 0700 when it is missing. One process at a time may use it. */
  readonly dir: string;
  /** Told of damaged lines, once they are set aside in a `.corrupt` file; a process warning by default. */
  readonly onQuarantine?: OnQuarantine | undefined;
}

/** A log is compacted when it is longer than this, in bytes, and mostly history. */
const shortestCompaction = 1_048_576;
const historyShare = 4;

/** A record in memory: its value as JSON text, so that nobody can change it in place. */
interface Entry {
  readonly version: string;
  readonly value: string;
}

/** Changes that become durable together. */
class Batch {
  readonly done = createDeferred<void>();
  readonly undo: (() => void)[] = [];
  lines = "";

  constructor() {
    // Each change's caller gets the failure; a batch without one must not crash the process.
    this.done.promise.catch(() => {});
  }
}

/**
 * One append-only log with group commit: whatever is written while a write is under way becomes durable together, by
 * one write and one flush. Records are kept in memory, so reading touches no file. After a crash the torn end of the
 * log, which nobody was promised, is set aside; so is damage anywhere else. A log that is there and empty is refused: a new
 * one appears with its first line. One process a directory: `takeLock`.
 */
class LogRecordStore implements RecordStore {
  readonly #directory: RecordDirectory;
  readonly #log: LogFile;
  readonly #onQuarantine: OnQuarantine;
  readonly #records = new Map<string, Entry>();
  #liveSize = 0;
  #opened: Promise<() => Promise<void>> | undefined;
  /** Collects changes until the write under way ends. */
  #next: Batch | undefined;
  #writing: Batch | undefined;
  #drained: Promise<void> = Promise.resolve();
  /** A write failed, so what the file ends with is unknown: it is rewritten before anything is promised again. */
  #inDoubt = false;
  #closed: Promise<void> | undefined;

  constructor({ dir, onQuarantine = warnOfQuarantine }: LogRecordStoreOptions) {
    this.#directory = new RecordDirectory(dir, onQuarantine);
    this.#log = new LogFile(this.#directory.pathOf("records.log"));
    this.#onQuarantine = onQuarantine;
  }

  async create(key: string, value: RecordValue): Promise<string | undefined> {
    await this.#ready();
    if (this.#records.has(key)) return this.#afterWrites(undefined);
    return this.#put(key, value);
  }

  async read(key: string): Promise<StoredRecord | undefined> {
    await this.#ready();
    const entry = this.#records.get(key);
    return entry && toRecord(key, entry);
  }

  async replace(key: string, value: RecordValue, version: string): Promise<string | undefined> {
    await this.#ready();
    if (this.#records.get(key)?.version !== version) return this.#afterWrites(undefined);
    return this.#put(key, value);
  }

  async delete(key: string, version?: string): Promise<boolean> {
    await this.#ready();
    const entry = this.#records.get(key);
    if (entry === undefined || (version !== undefined && entry.version !== version)) return this.#afterWrites(false);
    await this.#change({ key, version: undefined });
    return true;
  }

  async *scan(prefix: string): AsyncIterable<StoredRecord> {
    await this.#ready();
    for (const key of this.#records.keys()) {
      const entry = key.startsWith(prefix) ? this.#records.get(key) : undefined;
      if (entry) yield toRecord(key, entry);
    }
  }

  /** Finishes what is being written, then gives the directory up to another process. */
  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    const unlock = await this.#opened?.catch(() => undefined);
    await this.#drained;
    if (unlock === undefined) return;
    await this.#log.close();
    await unlock();
  }

  async #ready(): Promise<void> {
    if (this.#closed !== undefined) throw new Error(`The record store in ${this.#directory.path} is closed.`);
    this.#opened ??= this.#open().catch((error: unknown) => {
      this.#opened = undefined;
      throw error;
    });
    await this.#opened;
  }

  async #open(): Promise<() => Promise<void>> {
    await this.#directory.open();
    const unlock = await takeLock(this.#directory.pathOf("records.lock"), { waitMs: 0 });
    try {
      const { changes, damaged, isClean, isEmpty } = await this.#log.read();
      if (isEmpty) throw new Error(contentIsGone(this.#log.path));
      this.#records.clear();
      for (const change of changes) this.#apply(change);
      if (damaged.length > 0) await this.#setAside(damaged);
      await (isClean ? this.#log.open() : this.#log.rewrite(this.#live()));
    } catch (error) {
      await unlock();
      throw error;
    }
    return unlock;
  }

  async #setAside(damaged: readonly Uint8Array[]): Promise<void> {
    const name = `records.${Date.now()}-${randomHex(4)}.corrupt`;
    const newline = Buffer.from("\n");
    await this.#directory.create(name, Buffer.concat(damaged.flatMap((line) => [line, newline])));
    const reason = `${damaged.length} damaged or unfinished lines of the log`;
    this.#onQuarantine({ path: this.#directory.pathOf(name), reason });
  }

  async #put(key: string, value: RecordValue): Promise<string> {
    const version = randomHex(8);
    await this.#change({ key, version, value: JSON.stringify(value) });
    return version;
  }

  /** Changes the record at once, so that the next caller sees it; resolves when the change is durable. */
  #change(change: Change): Promise<void> {
    const previous = this.#records.get(change.key);
    const line = writeLine(change);
    this.#apply(change);
    this.#next ??= this.#begin();
    this.#next.lines += line;
    this.#next.undo.push(() => this.#apply({ key: change.key, ...(previous ?? { version: undefined }) }));
    return this.#next.done.promise;
  }

  /** An answer that rests on changes which are not durable yet waits for them, and fails with them. */
  async #afterWrites<Answer>(answer: Answer): Promise<Answer> {
    await (this.#next ?? this.#writing)?.done.promise;
    return answer;
  }

  #begin(): Batch {
    if (this.#writing === undefined) this.#drained = this.#drained.then(() => this.#drain());
    return new Batch();
  }

  async #drain(): Promise<void> {
    while ((this.#writing = this.#next) !== undefined) {
      this.#next = undefined;
      const batch = this.#writing;
      try {
        await this.#write(batch.lines);
        batch.done.resolve();
      } catch (error) {
        this.#fail(batch, error);
      }
    }
  }

  async #write(lines: string): Promise<void> {
    const { size } = this.#log;
    const isStale = size > shortestCompaction && size > historyShare * this.#liveSize;
    try {
      // A rewrite holds every record as it is now, these changes included.
      await (this.#inDoubt || isStale ? this.#log.rewrite(this.#live()) : this.#log.append(lines));
      this.#inDoubt = false;
    } catch (error) {
      this.#inDoubt = true;
      throw error;
    }
  }

  /** What could not be made durable never was; nor was what others have made of it since. */
  #fail(batch: Batch, cause: unknown): void {
    const later = this.#next;
    this.#next = undefined;
    const error = new Error(`${this.#log.path} could not be written.`, { cause });
    for (const failed of later === undefined ? [batch] : [later, batch]) {
      for (const undo of failed.undo.toReversed()) undo();
      failed.done.reject(error);
    }
  }

  #apply(change: Change): void {
    const { key, version } = change;
    const previous = this.#records.get(key);
    if (previous !== undefined) this.#liveSize -= sizeOf(key, previous);
    if (version === undefined) return void this.#records.delete(key);
    const entry = { version, value: change.value };
    this.#records.set(key, entry);
    this.#liveSize += sizeOf(key, entry);
  }

  *#live(): Iterable<Change> {
    for (const [key, entry] of this.#records) yield { key, ...entry };
  }
}

/**
 * Opens on first use. @see LogRecordStore
 * @example
 * const authority = new CyclesAuthority(client, { records: logRecordStore({ dir: "./spend" }) });
 * await settlementQueue(authority).recover();
 */
export function logRecordStore(options: LogRecordStoreOptions): RecordStore {
  return new LogRecordStore(options);
}

/** About how long a record's line is. */
function sizeOf(key: string, { version, value }: Entry): number {
  return key.length + version.length + value.length + 16;
}

function toRecord(key: string, { version, value }: Entry): StoredRecord {
  return { key, version, value: JSON.parse(value) as RecordValue };
}
