export { disconnectSignal, sendStream } from "@imprest/core/node";
export {
  type LedgerCheck,
  type SqliteStoreOptions,
  backupLedger,
  checkLedger,
  sqliteStore,
} from "@imprest/embedded/node";
