export { disconnectSignal, sendStream } from "@imprest/core/node";
export { type SqliteStoreOptions, sqliteStore } from "@imprest/embedded/node";
