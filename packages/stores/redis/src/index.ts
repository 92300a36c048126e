export { type RedisCommands, type RedisRecordStoreOptions, redisRecordStore } from "./redis-record-store.ts";
