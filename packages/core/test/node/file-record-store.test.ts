import { chmod, mkdir, readFile, readdir, stat, utimes, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import type { RecordValue } from "@imprest/core";
import { type QuarantinedRecord, fileRecordStore } from "@imprest/core/node";
import { describe, expect, it, vi } from "vitest";
import { ownIdentity } from "../../src/node/process-identity.ts";
import { contentOf, recordStoreContract } from "../records/record-store-contract.ts";
import { manyAtOnce } from "./many-at-once.ts";
import { temporaryDirectory } from "./temporary-directory.ts";

recordStoreContract("fileRecordStore", async () => {
  const dir = await temporaryDirectory();
  return { store: fileRecordStore({ dir }), reopen: () => fileRecordStore({ dir }) };
});

async function oneRecord(dir: string): Promise<string> {
  await fileRecordStore({ dir }).create("key", { amount: "12" });
  const [name = ""] = await readdir(dir);
  return join(dir, name);
}

describe("fileRecordStore", () => {
  it("files are 0600 and directories 0700 from the first moment, whatever the umask and the parent", async () => {
    const dir = join(await temporaryDirectory(), "new", "deep");
    const before = process.umask(0);
    const file = await oneRecord(dir).finally(() => process.umask(before));
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    expect((await stat(dir)).mode & 0o777).toBe(0o700);
    expect((await stat(join(dir, ".."))).mode & 0o777).toBe(0o700);
  });

  it("closes a directory that was open to others", async () => {
    const dir = await temporaryDirectory();
    await chmod(dir, 0o755);
    await oneRecord(dir);
    expect((await stat(dir)).mode & 0o777).toBe(0o700);
  });

  it("refuses a directory that users share, and leaves its mode alone", async () => {
    const dir = await temporaryDirectory();
    await chmod(dir, 0o1777);
    await expect(fileRecordStore({ dir }).create("key", 1)).rejects.toThrow("give the store one of its own");
    expect((await stat(dir)).mode & 0o7777).toBe(0o1777);
  });

  it("two stores over one directory agree on every compare-and-set", async () => {
    const dir = await temporaryDirectory();
    const stores = Array.from({ length: 4 }, () => fileRecordStore({ dir }));
    const created = await Promise.all(stores.map((store) => store.create("n", 0)));
    expect(created.filter((version) => version !== undefined)).toHaveLength(1);
    const increment = async (store: (typeof stores)[number]): Promise<void> => {
      for (;;) {
        const found = await store.read("n");
        if (found === undefined) throw new Error("the record is gone");
        if (await store.replace("n", (found.value as number) + 1, found.version)) return;
      }
    };
    await Promise.all(stores.flatMap((store) => [increment(store), increment(store), increment(store)]));
    expect((await stores[0]?.read("n"))?.value).toBe(12);
    const deleted = await Promise.all(stores.map((store) => store.delete("n")));
    expect(deleted.filter(Boolean)).toHaveLength(1);
    expect(await readdir(dir)).toEqual([]);
  });

  it("takes over the lock of a process that is gone", async () => {
    const dir = await temporaryDirectory();
    const file = await oneRecord(dir);
    const gone = { ...(await ownIdentity()), pid: 2 ** 22 + 1, started: "1", nonce: "x" };
    await writeFile(`${file}.lock`, JSON.stringify(gone));
    const store = fileRecordStore({ dir });
    const results = await Promise.all([store.delete("key"), fileRecordStore({ dir }).delete("key")]);
    expect(results.filter(Boolean)).toHaveLength(1);
    expect(await readdir(dir)).toEqual([]);
  });

  it(
    "sets a record aside at every truncation and every flipped bit, reports it once, and serves the others",
    { timeout: 120_000 },
    async () => {
      const dir = await temporaryDirectory();
      const file = await oneRecord(dir);
      const whole = await readFile(file);
      await fileRecordStore({ dir }).create("other", 1);
      const beside = (await readdir(dir)).map((name) => join(dir, name)).find((path) => path !== file) ?? "";
      const other = await readFile(beside);
      const damages: Buffer[] = [];
      for (let length = 0; length < whole.length; length += 1) damages.push(whole.subarray(0, length));
      for (let bit = 0; bit < whole.length * 8; bit += 1) {
        const flipped = Buffer.from(whole);
        flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7));
        damages.push(flipped);
      }
      await manyAtOnce(damages.length, async (at) => {
        const damaged = damages[at] ?? whole;
        const own = await temporaryDirectory();
        await writeFile(join(own, basename(file)), damaged);
        await writeFile(join(own, basename(beside)), other);
        const told = vi.fn<(record: QuarantinedRecord) => void>();
        const store = fileRecordStore({ dir: own, onQuarantine: told });
        expect(await store.read("key")).toBeUndefined();
        expect(await contentOf(store)).toEqual(new Map([["other", 1]]));
        expect(told).toHaveBeenCalledOnce();
        expect(await readFile(told.mock.calls[0]?.[0].path ?? "")).toEqual(damaged);
      });
      // A record under another's name is none of either.
      await writeFile(
        file,
        await readFile(join(dir, (await readdir(dir)).find((name) => name.endsWith(".record")) ?? "")),
      );
      const told = vi.fn<(record: QuarantinedRecord) => void>();
      expect(await fileRecordStore({ dir, onQuarantine: told }).read("key")).toBeUndefined();
      expect(told).toHaveBeenCalledOnce();
    },
  );

  it("clears away what crashed writers left, once it is an hour old", async () => {
    const dir = await temporaryDirectory();
    await mkdir(dir, { recursive: true });
    const [old, young] = [join(dir, "a.json.1.x.tmp"), join(dir, "b.json.1.x.tmp")];
    await writeFile(old, "");
    await writeFile(young, "");
    await utimes(old, new Date(0), new Date(Date.now() - 3_700_000));
    await contentOf(fileRecordStore({ dir }));
    expect(await readdir(dir)).toEqual(["b.json.1.x.tmp"]);
  });

  it("rejects, and does not guess, when the directory cannot be used; and recovers when it can", async () => {
    const parent = await temporaryDirectory();
    const dir = join(parent, "records");
    await writeFile(dir, "a file in the way");
    const store = fileRecordStore({ dir });
    await expect(store.create("key", 1)).rejects.toThrow(/EEXIST|ENOTDIR/);
    await expect(store.read("key")).rejects.toThrow();
    const { unlink } = await import("node:fs/promises");
    await unlink(dir);
    expect(await store.create("key", { n: 1 } satisfies RecordValue)).toBeDefined();
  });
});
