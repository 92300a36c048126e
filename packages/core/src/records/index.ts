export type { RecordStore, RecordValue, StoredRecord } from "./record-store.ts";
export { memoryRecordStore } from "./memory-record-store.ts";
