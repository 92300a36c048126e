import type { RecordStore, RecordValue, StoredRecord } from "./record-store.ts";

/** A store that lives as long as the process: what it holds is lost with it. */
export function memoryRecordStore(): RecordStore {
  const records = new Map<string, StoredRecord>();
  let writes = 0;
  const put = (key: string, value: RecordValue): string => {
    const version = String(++writes);
    records.set(key, { key, value, version });
    return version;
  };
  return {
    create: async (key, value) => (records.has(key) ? undefined : put(key, value)),
    read: async (key) => records.get(key),
    replace: async (key, value, version) => (records.get(key)?.version === version ? put(key, value) : undefined),
    delete: async (key, version) => {
      if (version !== undefined && records.get(key)?.version !== version) return false;
      return records.delete(key);
    },
    async *scan(prefix) {
      for (const key of records.keys()) {
        const record = key.startsWith(prefix) ? records.get(key) : undefined;
        if (record) yield record;
      }
    },
  };
}
