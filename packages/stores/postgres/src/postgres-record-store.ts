import { ConfigurationError, type RecordStore, type RecordValue, type StoredRecord } from "@imprest/core";
import { decodeRecordKey, encodeRecordKey } from "@imprest/core/internal";

/** What the store needs of a PostgreSQL client: a `Pool` or a `Client` of `pg` is one. */
export interface PostgresQueries {
  /** As of `pg`: a statement with its values. */
  query(text: string, values?: unknown[]): Promise<{ readonly rows: readonly unknown[] }>;
}

/** Which table of which database holds the records. */
export interface PostgresRecordStoreOptions {
  /** The table, with or without its schema; `imprest_records` when absent. */
  readonly table?: string | undefined;
}

interface Row {
  readonly key: string;
  readonly value: string;
  readonly version: string;
}

/** Makes the table unless it is there. Run it with a role that may; the store itself only reads and writes rows. */
export async function preparePostgres(
  database: PostgresQueries,
  options: PostgresRecordStoreOptions = {},
): Promise<void> {
  const table = tableOf(options);
  // The value is kept as text: jsonb would order its members anew, and frozen request bytes are part of it.
  const sql = `CREATE TABLE IF NOT EXISTS ${table} (key text COLLATE "C" PRIMARY KEY, value text NOT NULL, version uuid NOT NULL)`;
  try {
    await database.query(sql);
  } catch (error) {
    // Two processes at once: "if not exists" is no lock, and the later one finds the name taken.
    if (!raced.has(String((error as { readonly code?: unknown }).code))) throw error;
    await database.query(`SELECT key FROM ${table} LIMIT 0`);
  }
}

/** unique_violation, duplicate_table, duplicate_object. */
const raced: ReadonlySet<string> = new Set(["23505", "42P07", "42710"]);

/**
 * Records in a table of PostgreSQL (`preparePostgres` makes it), shared by whatever reaches it. A write is durable when
 * its promise resolves, unless `synchronous_commit` is off. The pool is the caller's: `close` leaves it open.
 * @throws ConfigurationError for a table name that would need quoting.
 * @example
 * await preparePostgres(pool);
 * const authority = new CyclesAuthority(client, { records: postgresRecordStore(pool) });
 */
export function postgresRecordStore(database: PostgresQueries, options: PostgresRecordStoreOptions = {}): RecordStore {
  const table = tableOf(options);
  const rows = async (sql: string, ...values: unknown[]): Promise<readonly Row[]> =>
    (await database.query(sql, values)).rows as readonly Row[];
  const columns = "key, value, version";
  return {
    async create(key, value) {
      const sql = `INSERT INTO ${table} (${columns}) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING RETURNING version`;
      return (await rows(sql, encodeRecordKey(key), JSON.stringify(value), crypto.randomUUID()))[0]?.version;
    },
    async read(key) {
      const [row] = await rows(`SELECT ${columns} FROM ${table} WHERE key = $1`, encodeRecordKey(key));
      return row && toRecord(row);
    },
    async replace(key, value, version) {
      const sql = `UPDATE ${table} SET value = $2, version = $3 WHERE key = $1 AND version::text = $4 RETURNING version`;
      return (await rows(sql, encodeRecordKey(key), JSON.stringify(value), crypto.randomUUID(), version))[0]?.version;
    },
    async delete(key, version) {
      const text = encodeRecordKey(key);
      const deleted =
        version === undefined
          ? await rows(`DELETE FROM ${table} WHERE key = $1 RETURNING key`, text)
          : await rows(`DELETE FROM ${table} WHERE key = $1 AND version::text = $2 RETURNING key`, text, version);
      return deleted.length > 0;
    },
    async *scan(prefix) {
      const text = encodeRecordKey(prefix);
      let [row] = await rows(`SELECT ${columns} FROM ${table} WHERE key >= $1 ORDER BY key LIMIT 1`, text);
      for (;;) {
        if (!row?.key.startsWith(text)) return;
        yield toRecord(row);
        [row] = await rows(`SELECT ${columns} FROM ${table} WHERE key > $1 ORDER BY key LIMIT 1`, row.key);
      }
    },
  };
}

function tableOf({ table = "imprest_records" }: PostgresRecordStoreOptions): string {
  if (/^[a-z_][a-z0-9_]*(\.[a-z_][a-z0-9_]*)?$/.test(table)) return table;
  throw new ConfigurationError("table must be a plain lower-case name, such as imprest_records or payments.records.");
}

function toRecord({ key, value, version }: Row): StoredRecord {
  return { key: decodeRecordKey(key), value: JSON.parse(value) as RecordValue, version };
}
