export { asyncReservationContext } from "./async-reservation-context.ts";
export { disconnectSignal } from "./disconnect-signal.ts";
export { type FileRecordStoreOptions, fileRecordStore } from "./file-record-store.ts";
export { type LogRecordStoreOptions, logRecordStore } from "./log-record-store.ts";
/** For the packages of this repository only: it may change or go in any release. */
export { createPrivateFile, makeDatabase } from "./sqlite-file.ts";
export type { OnQuarantine, QuarantinedRecord } from "./quarantine.ts";
/** As `createPrivateFile`. */
export { RecordDirectory } from "./record-directory.ts";
/** As `createPrivateFile`. */
export { scanRecords } from "./scan-records.ts";
export { sendStream } from "./send-stream.ts";
export { type SqliteRecordStoreOptions, sqliteRecordStore } from "./sqlite-record-store.ts";
/** As `createPrivateFile`. */
export { Turns } from "./turns.ts";
