export { type SqliteStoreOptions, sqliteStore } from "@imprest/embedded/node";
