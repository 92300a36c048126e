export type { RecordStore, RecordValue, StoredRecord } from "./record-store.ts";
export { decodeRecordKey, encodeRecordKey } from "./key-text.ts";
export { memoryRecordStore } from "./memory-record-store.ts";
