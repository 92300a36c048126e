import { readFile, readdir, stat, symlink, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import type { RecordStore } from "@imprest/core";
import { logRecordStore, sqliteRecordStore } from "@imprest/core/node";
import { describe, expect, it } from "vitest";
import { createDatabaseFile } from "../../src/node/sqlite-file.ts";
import { temporaryDirectory } from "./temporary-directory.ts";

// A record says that a payment was claimed or that a spend waits: a store that has lost its records is not a new one.

const stores: readonly (readonly [string, (folder: string) => RecordStore, (folder: string) => string])[] = [
  ["log", (dir) => logRecordStore({ dir }), (dir) => join(dir, "records.log")],
  ["SQLite file", (dir) => sqliteRecordStore(join(dir, "records.sqlite")), (dir) => join(dir, "records.sqlite")],
];

describe.each(stores)("a %s of records", (_kind, open, fileOf) => {
  it("that was cut to nothing is refused, and the error names it and the remedy", async () => {
    const folder = await temporaryDirectory();
    const store = open(folder);
    await store.create("claim:1", { by: 1 });
    await store.close?.();
    await truncate(fileOf(folder), 0);
    const reopened = async (): Promise<unknown> => open(folder).read("claim:1");
    const message = `${fileOf(folder)} is empty: what it held is gone. Restore a copy of it, or delete it to begin anew.`;
    await expect(reopened()).rejects.toThrow(message);
    await expect(reopened()).rejects.toThrow(message);
    expect((await stat(fileOf(folder))).size).toBe(0);
  });

  it("that never had a record, and one whose records were all removed, open again", async () => {
    const folder = await temporaryDirectory();
    const idle = open(folder);
    expect(await idle.read("a")).toBeUndefined();
    await idle.close?.();
    const used = open(folder);
    await used.create("a", 1);
    await used.delete("a");
    await used.close?.();
    const again = open(folder);
    expect(await again.create("a", 2)).toBeDefined();
    await again.close?.();
  });
});

describe("a log of records", () => {
  it("is not refused where a process died before the log had its name", async () => {
    const dir = await temporaryDirectory();
    await writeFile(join(dir, "records.log.1.00ff.tmp"), "");
    const store = logRecordStore({ dir });
    expect(await store.create("a", 1)).toBeDefined();
    await store.close?.();
    expect((await readFile(join(dir, "records.log"), "utf8")).split("\n")).toHaveLength(3);
  });

  it("of the version whose logs had no first line is read as it was", async () => {
    const dir = await temporaryDirectory();
    const first = logRecordStore({ dir });
    await first.create("a", 1);
    await first.close?.();
    const file = join(dir, "records.log");
    const [, line = ""] = (await readFile(file, "utf8")).split("\n");
    await writeFile(file, `${line}\n`);
    const second = logRecordStore({ dir });
    expect((await second.read("a"))?.value).toBe(1);
    await second.close?.();
  });
});

describe("a SQLite file of records", () => {
  it("is made by any number of processes at once, and leaves nothing beside it", async () => {
    const folder = await temporaryDirectory();
    const file = join(folder, "records.sqlite");
    const made = Array.from({ length: 5 }, () => sqliteRecordStore(file));
    await made[0]?.create("a", 1);
    for (const store of made) expect((await store.read("a"))?.value).toBe(1);
    for (const store of made) await store.close?.();
    expect(await readdir(folder)).toEqual(["records.sqlite"]);
  });

  it("is in WAL mode when it appears, since two processes that turn it on at once refuse each other", async () => {
    const file = join(await temporaryDirectory(), "records.sqlite");
    createDatabaseFile(file, "CREATE TABLE records (key);");
    // Write and read version of the header, 2 for WAL (SQLite, "Database File Format", 1.3).
    expect([...(await readFile(file)).subarray(18, 20)]).toEqual([2, 2]);
  });

  it("is refused without a table, as where what SQLite wrote beside it was never in the file", async () => {
    const file = join(await temporaryDirectory(), "records.sqlite");
    const empty = new DatabaseSync(file);
    empty.exec("PRAGMA journal_mode = WAL");
    empty.close();
    expect((await stat(file)).size).toBeGreaterThan(0);
    expect(() => sqliteRecordStore(file)).toThrow(`${file} is empty`);
  });

  it("stands beside the tables of others in one file", async () => {
    const file = join(await temporaryDirectory(), "shared.sqlite");
    const shared = new DatabaseSync(file);
    shared.exec("CREATE TABLE theirs (x)");
    shared.close();
    const store = sqliteRecordStore(file);
    expect(await store.create("a", 1)).toBeDefined();
    await store.close?.();
  });

  it("is not made where its name is a link that leads nowhere", async () => {
    const folder = await temporaryDirectory();
    await symlink(join(folder, "unmounted", "records.sqlite"), join(folder, "records.sqlite"));
    expect(() => sqliteRecordStore(join(folder, "records.sqlite"))).toThrow("EEXIST");
    expect(await readdir(folder)).toEqual(["records.sqlite"]);
  });
});
