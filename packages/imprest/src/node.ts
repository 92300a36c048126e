export {
  type LedgerCheck,
  type SqliteStoreOptions,
  backupLedger,
  checkLedger,
  sqliteStore,
} from "@imprest/embedded/node";
