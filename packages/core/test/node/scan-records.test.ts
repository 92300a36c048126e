import { appendFile, cp, mkdir, readFile, readdir, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { type RecordStore, type StoredRecord } from "@imprest/core";
import { fileRecordStore, logRecordStore, scanRecords, sqliteRecordStore } from "@imprest/core/node";
import { describe, expect, it } from "vitest";
import { temporaryDirectory } from "./temporary-directory.ts";

const stores: Readonly<Record<string, (path: string) => RecordStore>> = {
  folder: (dir) => fileRecordStore({ dir }),
  log: (dir) => logRecordStore({ dir }),
  sqlite: (file) => sqliteRecordStore(file),
};

async function scanned(path: string): Promise<Readonly<Record<string, unknown>>> {
  const found: StoredRecord[] = [];
  for await (const record of scanRecords(path)) found.push(record);
  return Object.fromEntries(found.map(({ key, value }) => [key, value]));
}

/** Every file below a folder, with what is in it and when it was written. */
async function stateOf(folder: string): Promise<unknown> {
  const names = await readdir(folder, { recursive: true });
  const states = names.toSorted().map(async (name) => {
    const status = await stat(join(folder, name));
    const content = status.isFile() ? await readFile(join(folder, name), "latin1") : undefined;
    return [name, status.mtimeMs, status.mode, content];
  });
  return Promise.all(states);
}

describe.each(Object.entries(stores))("the records of a %s, read from outside", (kind, open) => {
  it("are those of the store, while it is open and once it is closed", async () => {
    const path = join(await temporaryDirectory(), "store");
    const store = open(path);
    const version = await store.create("a:1", { amount: "1" });
    await store.replace("a:1", { amount: "2" }, version ?? "");
    await store.create("a:\ud800", ["kept"]);
    await store.create("gone", 1);
    await store.delete("gone");
    const expected = { "a:1": { amount: "2" }, "a:\ud800": ["kept"] };
    expect(await scanned(path)).toEqual(expected);
    await store.close?.();
    expect(await scanned(path)).toEqual(expected);
  });

  it("are read without a trace: nothing is written, made, locked or set aside, damage included", async () => {
    const folder = await temporaryDirectory();
    const path = join(folder, "store");
    const store = open(path);
    await store.create("a", 1);
    await store.close?.();
    if (kind === "folder") await writeFile(join(path, "damaged.record"), "no record");
    if (kind === "log") await appendFile(join(path, "records.log"), 'deadbeef ["torn",');
    if (kind === "sqlite") {
      const database = new DatabaseSync(path);
      database.exec(`INSERT INTO imprest_records VALUES ('0', '["torn",', 'v')`);
      database.close();
    }
    const before = await stateOf(folder);
    expect(await scanned(path)).toEqual({ a: 1 });
    expect(await stateOf(folder)).toEqual(before);
  });
});

it("what is no store is refused, or is empty", async () => {
  const folder = await temporaryDirectory();
  await mkdir(join(folder, "empty"));
  await writeFile(join(folder, "text"), "not a database, but a text that is longer than a header");
  expect(await scanned(join(folder, "empty"))).toEqual({});
  await expect(scanned(join(folder, "text"))).rejects.toThrow(/not a database/);
  await expect(scanned(join(folder, "missing"))).rejects.toThrow(/ENOENT/);
});

it("a SQLite store that a crash left open is read too", async () => {
  const folder = await temporaryDirectory();
  const store = sqliteRecordStore(join(folder, "store"));
  await store.create("a", 1);
  await cp(join(folder, "store"), join(folder, "copy"));
  await cp(join(folder, "store-wal"), join(folder, "copy-wal"));
  await store.close?.();
  expect(await scanned(join(folder, "copy"))).toEqual({ a: 1 });
});
