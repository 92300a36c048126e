export { checkedTransport } from "./checked-transport.ts";
export { type EmbeddedServer, type ServeOptions, serve } from "./serve.ts";
export { type SqliteStoreOptions, sqliteStore } from "./sqlite-store.ts";
