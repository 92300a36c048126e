export { backupLedger } from "./backup-ledger.ts";
export { type LedgerCheck, checkLedger } from "./check-ledger.ts";
export { checkedTransport } from "./checked-transport.ts";
export { type EmbeddedServer, type ServeOptions, serve } from "./serve.ts";
export { type SqliteStoreOptions, sqliteStore } from "./sqlite-store.ts";
