export {
  type PostgresQueries,
  type PostgresRecordStoreOptions,
  postgresRecordStore,
  preparePostgres,
} from "./postgres-record-store.ts";
