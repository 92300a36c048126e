import { createPrivateFile } from "@imprest/core/node";
import type { JobLogEntry, JobStore } from "../runtime/job-store.ts";

const schema = `
  PRAGMA journal_mode = WAL;
  PRAGMA synchronous = FULL;
  CREATE TABLE IF NOT EXISTS imprest_job_log (
    position INTEGER PRIMARY KEY AUTOINCREMENT,
    owner TEXT NOT NULL,
    kind TEXT NOT NULL,
    seq INTEGER NOT NULL,
    data TEXT NOT NULL
  ) STRICT;
  CREATE INDEX IF NOT EXISTS imprest_job_log_owner ON imprest_job_log (owner, kind, seq);
`;

/**
 * A runtime's jobs and sessions in one SQLite file, which is its owner's alone. An append is on the disk when its promise
 * resolves (WAL, `synchronous=FULL`). One runtime at a time uses a file.
 * @throws Error of `node:sqlite` when the file cannot be opened, or where there is no `node:sqlite`.
 * @example
 * const runtime = createArcpRuntime({ authenticate, store: sqliteJobStore("jobs.sqlite") });
 */
export function sqliteJobStore(file: string): JobStore & {
  /** Releases the file. */
  close(): void;
} {
  const sqlite = process.getBuiltinModule("node:sqlite");
  if (sqlite === undefined) throw new Error("This runtime has no node:sqlite; use another job store.");
  if (!/^$|^:memory:|^file:/.test(file)) createPrivateFile(file);
  const database = new sqlite.DatabaseSync(file);
  database.exec(schema);
  const insert = database.prepare("INSERT INTO imprest_job_log (owner, kind, seq, data) VALUES (?, ?, ?, ?)");
  const dropOlder = database.prepare("DELETE FROM imprest_job_log WHERE owner = ? AND kind = 'session'");
  const select = database.prepare("SELECT owner, kind, seq, data FROM imprest_job_log ORDER BY position");
  const remove = database.prepare("DELETE FROM imprest_job_log WHERE owner = ?");
  const trim = database.prepare("DELETE FROM imprest_job_log WHERE owner = ? AND kind = 'message' AND seq <= ?");
  return {
    async append(entries) {
      database.exec("BEGIN IMMEDIATE");
      try {
        for (const { owner, kind, seq, data } of entries) {
          if (kind === "session") dropOlder.run(owner);
          insert.run(owner, kind, seq, data);
        }
        database.exec("COMMIT");
      } catch (error) {
        database.exec("ROLLBACK");
        throw error;
      }
    },
    async *read() {
      for (const row of select.iterate()) yield row as unknown as JobLogEntry;
    },
    async forget(owner, upTo) {
      if (upTo === undefined) remove.run(owner);
      else trim.run(owner, upTo);
    },
    close() {
      database.close();
    },
  };
}
