import type { RecordStore, RecordValue, StoredRecord } from "@imprest/core";
import type { LedgerStore, StoreChange } from "@imprest/embedded/ledger";
import type { DiskFault } from "./plan.ts";
import type { Life, World } from "./world.ts";

/** What a record store has written, whoever writes it: it outlives every process. */
export class Disk {
  readonly records: Map<string, StoredRecord> = new Map();
  writes = 0;
}

/** How long one half of an operation of a disk takes: what dies between the halves has written, and does not know it. */
const halfMs = 0.5;

/** A process's way to its disk. `faultOf` is asked at the beginning of every write. */
export function recordStoreOn(
  disk: Disk,
  life: Life,
  world: World,
  faultOf: () => DiskFault["fault"] | undefined,
): RecordStore {
  const { records } = disk;
  const put = (key: string, value: RecordValue): string => {
    const version = String((disk.writes += 1));
    records.set(key, { key, value, version });
    return version;
  };
  async function write<Result>(apply: () => Result): Promise<Result> {
    const fault = faultOf();
    await world.pause(life, halfMs);
    if (fault === "refused") throw new Error("the disk is full");
    const result = apply();
    await world.pause(life, halfMs);
    if (fault === "unheard") throw new Error("the disk does not answer");
    return result;
  }
  return {
    create: (key, value) => write(() => (records.has(key) ? undefined : put(key, value))),
    async read(key) {
      await world.pause(life, halfMs);
      return records.get(key);
    },
    replace: (key, value, version) =>
      write(() => (records.get(key)?.version === version ? put(key, value) : undefined)),
    delete: (key, version) =>
      write(() => (version === undefined || records.get(key)?.version === version) && records.delete(key)),
    async *scan(prefix) {
      for (const key of records.keys()) {
        await world.pause(life, halfMs);
        const record = key.startsWith(prefix) ? records.get(key) : undefined;
        if (record) yield record;
      }
    },
  };
}

/** A ledger's store that outlives its authority. */
export function ledgerStoreOn(entries: Map<string, string>, life: Life, world: World): LedgerStore {
  return {
    load: () => [...entries],
    async write(take: () => readonly StoreChange[]) {
      await world.pause(life, halfMs);
      const batch = take();
      await world.pause(life, halfMs);
      for (const [key, value] of batch) {
        if (value === undefined) entries.delete(key);
        else entries.set(key, value);
      }
      await world.pause(life, halfMs);
    },
    close() {},
  };
}
