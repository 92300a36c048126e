import { readFileSync, readdirSync } from "node:fs";
import { join, resolve } from "node:path";
import { expect, it } from "vitest";

const packages = resolve(import.meta.dirname, "../../packages");

it("no durable store makes a synchronous call to the file system or derives a key synchronously", () => {
  const folders = ["core/src/node", "cycles/src/node"].map((name) => join(packages, name));
  // SQLite has no other interface; who must not block takes the log.
  const names = (folder: string) => readdirSync(folder).filter((name) => !name.startsWith("sqlite-"));
  const files = folders.flatMap((folder) => names(folder).map((name) => join(folder, name)));
  expect(files.length).toBeGreaterThan(8);
  const blocking = files.filter((file) => /\b\w+Sync\b|"node:fs"/.test(readFileSync(file, "utf8")));
  expect(blocking).toEqual([]);
});
