import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { sqliteRecordStore } from "@imprest/core/node";
import { expect, it } from "vitest";
import { recordStoreContract } from "../records/record-store-contract.ts";
import { temporaryDirectory } from "./temporary-directory.ts";

recordStoreContract("sqliteRecordStore", async () => {
  const file = join(await temporaryDirectory(), "records.sqlite");
  return { store: sqliteRecordStore(file), reopen: () => sqliteRecordStore(file) };
});

it("a record that was deleted and made again is not the one before", async () => {
  const store = sqliteRecordStore(":memory:");
  const version = (await store.create("a", 1)) ?? "";
  await store.delete("a");
  await store.create("a", 1);
  expect(await store.replace("a", 2, version)).toBeUndefined();
});

it("is readable by its owner only, with what SQLite keeps beside it", async () => {
  const directory = await temporaryDirectory();
  const store = sqliteRecordStore(join(directory, "records.sqlite"));
  await store.create("claim:mandate-1", { by: 1 });
  const names = await readdir(directory);
  expect(names).toContain("records.sqlite-wal");
  for (const name of names) expect((await stat(join(directory, name))).mode & 0o077).toBe(0);
  await store.close?.();
});
