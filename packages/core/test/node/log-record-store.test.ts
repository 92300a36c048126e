import fileSystem, { readFile, readdir, stat, writeFile } from "node:fs/promises";
import { syncBuiltinESMExports } from "node:module";
import { join } from "node:path";
import { type QuarantinedRecord, logRecordStore } from "@imprest/core/node";
import { afterAll, afterEach, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { ownIdentity } from "../../src/node/process-identity.ts";
import { contentOf, recordStoreContract } from "../records/record-store-contract.ts";
import { manyAtOnce } from "./many-at-once.ts";
import { temporaryDirectory } from "./temporary-directory.ts";

/** What the disk does to the next calls, by the name of the call; counted down to zero. */
const failures = new Map<string, { times: number; readonly code: string; readonly after?: number }>();

function fail(name: string): { readonly after?: number; readonly error: Error } | undefined {
  const failure = failures.get(name);
  if (failure === undefined || failure.times === 0) return undefined;
  failure.times -= 1;
  const error = Object.assign(new Error(`${failure.code}: injected`), { code: failure.code });
  return { error, ...(failure.after !== undefined && { after: failure.after }) };
}

const { open, rename } = fileSystem;

/** Puts the failures between the store and the disk: Node's own module hands out what its default export holds. */
beforeAll(() => {
  fileSystem.rename = async (...args) => {
    const failure = fail("rename");
    if (failure) throw failure.error;
    return rename(...args);
  };
  fileSystem.open = async (...args) => {
    const handle = await open(...args);
    return new Proxy(handle, {
      get(target, name) {
        const member: unknown = Reflect.get(target, name, target);
        if (typeof member !== "function") return member;
        if (name !== "appendFile" && name !== "datasync") return member.bind(target) as unknown;
        return async (...values: unknown[]) => {
          const failure = fail(name);
          if (failure === undefined) return member.apply(target, values) as unknown;
          // A full disk takes a part of what it is given.
          if (name === "appendFile") await target.appendFile((values[0] as Buffer).subarray(0, failure.after ?? 0));
          throw failure.error;
        };
      },
    });
  };
  syncBuiltinESMExports();
});

afterAll(() => {
  Object.assign(fileSystem, { open, rename });
  syncBuiltinESMExports();
});

afterEach(() => failures.clear());

const quiet = { onQuarantine: () => {} };

recordStoreContract("logRecordStore", async () => {
  const dir = await temporaryDirectory();
  let store = logRecordStore({ dir });
  onTestFinished(() => store.close?.());
  return {
    store,
    async reopen() {
      await store.close?.();
      store = logRecordStore({ dir });
      return store;
    },
  };
});

async function reopened(dir: string): Promise<Map<string, unknown>> {
  const store = logRecordStore({ dir, ...quiet });
  const content = await contentOf(store);
  await store.close?.();
  return content;
}

describe("logRecordStore after a crash", () => {
  it("loses nothing but the torn record at every length of the log", async () => {
    const dir = await temporaryDirectory();
    const store = logRecordStore({ dir });
    for (const key of ["a", "é", "c"]) await store.create(key, { key });
    await store.delete("a");
    await store.close?.();
    const log = await readFile(join(dir, "records.log"));
    const expectedAfter = (length: number): string[] => {
      const lines = log.subarray(0, length).toString("latin1").split("\n").length - 1;
      // A record whose last byte, the line end, is missing is whole.
      const whole = log[length] === 10 ? lines + 1 : lines;
      return [[], ["a"], ["a", "é"], ["a", "é", "c"], ["é", "c"]][whole - 1] ?? [];
    };
    await manyAtOnce(log.length, async (missing) => {
      const length = log.length - missing;
      const torn = await temporaryDirectory();
      await writeFile(join(torn, "records.log"), log.subarray(0, length));
      expect([...(await reopened(torn)).keys()], `cut at ${length}`).toEqual(expectedAfter(length));
      // What was repaired stays repaired, and takes new records.
      const next = logRecordStore({ dir: torn, onQuarantine: () => expect.unreachable() });
      await next.create("new", 1);
      await next.close?.();
      expect([...(await reopened(torn)).keys()]).toEqual([...expectedAfter(length), "new"]);
    });
  }, 60_000);

  it(
    "notices every flipped bit, sets the line aside byte for byte, and keeps the other records",
    { timeout: 120_000 },
    async () => {
      const dir = await temporaryDirectory();
      const store = logRecordStore({ dir });
      for (const key of ["a", "b", "c"]) await store.create(key, { amount: "12" });
      await store.close?.();
      const log = await readFile(join(dir, "records.log"));
      const first = log.indexOf("\n") + 1;
      const second = log.indexOf("\n", first) + 1;
      const third = log.indexOf("\n", second) + 1;
      const bits = (third - 1 - second) * 8;
      expect(bits).toBeGreaterThan(300);
      await manyAtOnce(bits, async (at) => {
        const bit = second * 8 + at;
        const damaged = Buffer.from(log);
        damaged[bit >> 3] = (damaged[bit >> 3] ?? 0) ^ (1 << (bit & 7));
        const torn = await temporaryDirectory();
        await writeFile(join(torn, "records.log"), damaged);
        const told: QuarantinedRecord[] = [];
        const found = logRecordStore({ dir: torn, onQuarantine: (record) => told.push(record) });
        expect([...(await contentOf(found)).keys()]).toEqual(["a", "c"]);
        expect(told).toHaveLength(1);
        const aside = await readFile(told[0]?.path ?? "");
        expect(aside.toString("latin1").replaceAll("\n", "")).toBe(
          damaged
            .subarray(second, third - 1)
            .toString("latin1")
            .replaceAll("\n", ""),
        );
        expect((await stat(told[0]?.path ?? "")).mode & 0o777).toBe(0o600);
        await found.close?.();
      });
    },
  );
});

describe("logRecordStore on a failing disk", () => {
  it.each([
    ["the disk is full after a part of the line", "appendFile", { code: "ENOSPC", after: 11 }],
    ["the disk is full at once", "appendFile", { code: "ENOSPC", after: 0 }],
    ["the flush fails, so that nobody knows what is on the disk", "datasync", { code: "EIO" }],
  ])("promises nothing when %s, and everything again when it is mended", async (_name, call, failure) => {
    const dir = await temporaryDirectory();
    const store = logRecordStore({ dir });
    const before = await store.create("before", 1);
    failures.set(call, { times: 1, ...failure });
    const together = await Promise.allSettled([
      store.create("lost", 1),
      store.create("lost", 2),
      store.replace("before", 2, before ?? ""),
      store.delete("before"),
    ]);
    expect(together.map(({ status }) => status)).toEqual(Array.from({ length: 4 }, () => "rejected"));
    expect(await store.read("lost")).toBeUndefined();
    expect(await store.read("before")).toMatchObject({ value: 1, version: before });
    expect(await store.create("after", 3)).toBeDefined();
    await store.close?.();
    const next = logRecordStore({ dir, onQuarantine: () => expect.unreachable("the rewrite left nothing damaged") });
    expect(await contentOf(next)).toEqual(
      new Map([
        ["before", 1],
        ["after", 3],
      ]),
    );
    await next.close?.();
  });

  it("keeps failing, and keeps what it had, while rewriting fails too", async () => {
    const dir = await temporaryDirectory();
    const store = logRecordStore({ dir });
    await store.create("before", 1);
    failures.set("appendFile", { times: 1, code: "ENOSPC", after: 5 });
    await expect(store.create("x", 1)).rejects.toThrow("could not be written");
    failures.set("rename", { times: 2, code: "EIO" });
    await expect(store.create("x", 1)).rejects.toThrow();
    await expect(store.create("x", 1)).rejects.toThrow();
    expect(await store.create("x", 2)).toBeDefined();
    await store.close?.();
    expect(await reopened(dir)).toEqual(
      new Map([
        ["before", 1],
        ["x", 2],
      ]),
    );
    expect((await readdir(dir)).filter((name) => name.endsWith(".tmp"))).toEqual([]);
  });
});

describe("logRecordStore", () => {
  it("many records share one write and one flush", async () => {
    const dir = await temporaryDirectory();
    const store = logRecordStore({ dir });
    await store.create("open", 1);
    const never = { times: 0, code: "EIO" };
    const counted = new Proxy(never, {
      get: (target, name) => (name === "times" ? ((flushes += 1), 0) : Reflect.get(target, name)),
    });
    let flushes = 0;
    failures.set("datasync", counted);
    await Promise.all(Array.from({ length: 500 }, (_, at) => store.create(`k${at}`, at)));
    expect(flushes).toBeLessThanOrEqual(3);
    await store.close?.();
    expect((await reopened(dir)).size).toBe(501);
  });

  it("compacts itself: what is settled leaves no trace, and the log stays near what is live", async () => {
    const dir = await temporaryDirectory();
    const store = logRecordStore({ dir });
    await store.create("kept", { stays: true });
    const value = { text: "x".repeat(2_000) };
    for (let round = 0; round < 60; round += 1) {
      const keys = Array.from({ length: 50 }, (_, at) => `${round}:${at}`);
      await Promise.all(keys.map((key) => store.create(key, value)));
      await Promise.all(keys.map((key) => store.delete(key)));
    }
    // 6 MB were written.
    expect((await stat(join(dir, "records.log"))).size).toBeLessThan(1_500_000);
    await store.close?.();
    expect(await reopened(dir)).toEqual(new Map([["kept", { stays: true }]]));
  });

  it("has one process a directory: a second is refused by name, the lock of one that is gone is taken over", async () => {
    const dir = await temporaryDirectory();
    const store = logRecordStore({ dir });
    await store.create("a", 1);
    await expect(logRecordStore({ dir }).create("b", 1)).rejects.toThrow(`held by process ${process.pid}`);
    await store.close?.();
    await expect(store.create("c", 1)).rejects.toThrow("closed");
    // The same id as ours, but an earlier process.
    const left = { ...(await ownIdentity()), started: "1", nonce: "x" };
    await writeFile(join(dir, "records.lock"), JSON.stringify(left));
    expect(await reopened(dir)).toEqual(new Map([["a", 1]]));
    await writeFile(join(dir, "records.lock"), JSON.stringify({ ...left, host: "another-machine" }));
    await expect(logRecordStore({ dir }).read("a")).rejects.toThrow("another-machine");
  });

  it("keeps its files 0600", async () => {
    const dir = join(await temporaryDirectory(), "log");
    const before = process.umask(0);
    const store = logRecordStore({ dir });
    await store.create("a", 1).finally(() => process.umask(before));
    for (const name of await readdir(dir)) expect((await stat(join(dir, name))).mode & 0o777).toBe(0o600);
    expect((await stat(dir)).mode & 0o777).toBe(0o700);
    await store.close?.();
  });
});
