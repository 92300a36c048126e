import { createHash } from "node:crypto";
import { randomHex } from "../platform/random.ts";
import type { RecordStore, RecordValue, StoredRecord } from "../records/record-store.ts";
import { takeLock } from "./file-lock.ts";
import { readLine, writeLine } from "./log-line.ts";
import type { OnQuarantine } from "./quarantine.ts";
import { RecordDirectory } from "./record-directory.ts";
import { Turns } from "./turns.ts";

/** Where a file store keeps its records. */
export interface FileRecordStoreOptions {
  /** Created 0700 when it is missing. Give it to nothing else. */
  readonly dir: string;
  /** Told of each file that could not be read, once it is set aside as `.corrupt`; a process warning by default. */
  readonly onQuarantine?: OnQuarantine | undefined;
}

const suffix = ".record";

/** A change of a record takes milliseconds; a lock of another machine that is older was left behind. */
const lock = { waitMs: 10_000, staleAfterMs: 60_000 };

/**
 * One file a record, named by the SHA-256 of its key: whole or absent after any crash, checked against damage, and
 * correct when several processes share the directory. For many records a second, `logRecordStore` is faster.
 */
export function fileRecordStore({ dir, onQuarantine }: FileRecordStoreOptions): RecordStore {
  const directory = new RecordDirectory(dir, onQuarantine);
  const turns = new Turns();

  async function load(name: string): Promise<StoredRecord | undefined> {
    const text = await directory.read(name);
    if (text === undefined) return undefined;
    const change = text.endsWith("\n") ? readLine(text.slice(0, -1)) : undefined;
    if (change?.version !== undefined && nameOf(change.key) === name) {
      return { ...change, value: JSON.parse(change.value) as RecordValue };
    }
    await directory.quarantine(name, "it is not a record of this store");
    return undefined;
  }

  /** Nothing else changes the record while `work` looks at it and changes it: in this process or another. */
  function exclusively<Result>(key: string, work: (name: string) => Promise<Result>): Promise<Result> {
    const name = nameOf(key);
    return turns.take(name, async () => {
      await directory.open();
      const unlock = await takeLock(`${directory.pathOf(name)}.lock`, lock);
      try {
        return await work(name);
      } finally {
        await unlock();
      }
    });
  }

  return {
    async create(key, value) {
      const version = randomHex(8);
      const name = nameOf(key);
      const text = writeLine({ key, version, value: JSON.stringify(value) });
      return turns.take(name, async () => ((await directory.create(name, text)) ? version : undefined));
    },
    read: (key) => load(nameOf(key)),
    replace: (key, value, version) =>
      exclusively(key, async (name) => {
        if ((await load(name))?.version !== version) return undefined;
        const next = randomHex(8);
        await directory.replace(name, writeLine({ key, version: next, value: JSON.stringify(value) }));
        return next;
      }),
    delete: (key, version) =>
      exclusively(key, async (name) => {
        if (version !== undefined && (await load(name))?.version !== version) return false;
        return directory.remove(name);
      }),
    async *scan(prefix) {
      for (const name of await directory.names(suffix)) {
        const record = await load(name);
        if (record?.key.startsWith(prefix)) yield record;
      }
    },
    close: () => turns.idle(),
  };
}

function nameOf(key: string): string {
  // Code units, not UTF-8: keys that differ in a lone surrogate stay different.
  return `${createHash("sha256").update(key, "utf16le").digest("hex")}${suffix}`;
}
