import { type RecordStore, memoryRecordStore } from "@imprest/core";
import { describe, expect, it } from "vitest";

/** What every store must keep to; a durable store runs the same. */
export function recordStoreContract(name: string, open: () => Promise<RecordStore> | RecordStore): void {
  describe(name, () => {
    const keysOf = async (store: RecordStore, prefix: string) => {
      const keys: string[] = [];
      for await (const { key } of store.scan(prefix)) keys.push(key);
      return keys.sort();
    };

    it("creates once", async () => {
      const store = await open();
      const results = await Promise.all([store.create("a", 1), store.create("a", 2)]);
      expect(results.filter((version) => version !== undefined)).toHaveLength(1);
      expect(await store.read("b")).toBeUndefined();
    });

    it("replaces only the version that was read", async () => {
      const store = await open();
      const version = (await store.create("a", { n: 1 })) ?? "";
      const raced = await Promise.all([store.replace("a", { n: 2 }, version), store.replace("a", { n: 3 }, version)]);
      expect(raced.filter((next) => next !== undefined)).toHaveLength(1);
      expect(await store.replace("a", 4, version)).toBeUndefined();
      expect(await store.replace("missing", 4, version)).toBeUndefined();
    });

    it("deletes a record, or only one version of it", async () => {
      const store = await open();
      const version = (await store.create("a", 1)) ?? "";
      const next = (await store.replace("a", 2, version)) ?? "";
      expect(await store.delete("a", version)).toBe(false);
      expect(await store.delete("a", next)).toBe(true);
      expect(await store.delete("a")).toBe(false);
      expect(await store.create("a", 3)).toBeDefined();
    });

    it("scans by prefix while records come and go", async () => {
      const store = await open();
      for (const key of ["x:1", "x:2", "x:3", "y:1"]) await store.create(key, key);
      for await (const { key } of store.scan("x:")) await store.delete(key);
      expect(await keysOf(store, "")).toEqual(["y:1"]);
    });
  });
}

recordStoreContract("memoryRecordStore", memoryRecordStore);
