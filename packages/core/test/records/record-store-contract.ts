import type { RecordStore, RecordValue } from "@imprest/core";
import fc from "fast-check";
import { describe, expect, it } from "vitest";

/** How a test opens a store. Every call of `reopen` looks at the same records, as the next process would. */
export interface StoreUnderTest {
  readonly store: RecordStore;
  /** Absent for a store that lives in memory. */
  reopen?(): Promise<RecordStore> | RecordStore;
}

/** What every store must keep to. */
export function recordStoreContract(name: string, open: () => Promise<StoreUnderTest> | StoreUnderTest): void {
  describe(name, () => {
    it("creates once", async () => {
      const { store } = await open();
      const results = await Promise.all([store.create("a", 1), store.create("a", 2)]);
      expect(results.filter((version) => version !== undefined)).toHaveLength(1);
      expect(await store.read("b")).toBeUndefined();
    });

    it("replaces only the version that was read", async () => {
      const { store } = await open();
      const version = (await store.create("a", { n: 1 })) ?? "";
      const raced = await Promise.all([store.replace("a", { n: 2 }, version), store.replace("a", { n: 3 }, version)]);
      expect(raced.filter((next) => next !== undefined)).toHaveLength(1);
      expect(await store.replace("a", 4, version)).toBeUndefined();
      expect(await store.replace("missing", 4, version)).toBeUndefined();
    });

    it("deletes a record, or only one version of it", async () => {
      const { store } = await open();
      const version = (await store.create("a", 1)) ?? "";
      const next = (await store.replace("a", 2, version)) ?? "";
      expect(await store.delete("a", version)).toBe(false);
      expect(await store.delete("a", next)).toBe(true);
      expect(await store.delete("a")).toBe(false);
      expect(await store.create("a", 3)).toBeDefined();
    });

    it("scans by prefix while records come and go", async () => {
      const { store } = await open();
      for (const key of ["x:1", "x:2", "x:3", "y:1"]) await store.create(key, key);
      for await (const { key } of store.scan("x:")) await store.delete(key);
      expect([...(await contentOf(store)).keys()]).toEqual(["y:1"]);
    });

    it("takes any key and any plain JSON", async () => {
      const { store } = await open();
      const keys = ["\ud800", "\ud801", "../../etc", "a/b", "a\u0000b", "é", "e\u0301", "x".repeat(1_024)];
      const value = { deep: [1.5, -0.25, null, true, "\u2028\n", { "": {} }] };
      for (const key of keys) expect(await store.create(key, value)).toBeDefined();
      const content = await contentOf(store);
      expect([...content.keys()].sort()).toEqual(keys.toSorted());
      expect(content.get("a/b")).toEqual(value);
    });

    it("does what a plain map with versions does, whatever the order, and after every reopening", async () => {
      const key = fc.constantFrom("a", "b", "a:1");
      // JSON has no negative zero: a store that keeps text gives back zero.
      const jsonValue = fc.jsonValue().map((value) => JSON.parse(JSON.stringify(value)) as typeof value);
      const command = fc.oneof(
        fc.record({ kind: fc.constant("create" as const), key, value: jsonValue }),
        fc.record({ kind: fc.constant("replace" as const), key, value: jsonValue, stale: fc.boolean() }),
        fc.record({ kind: fc.constant("delete" as const), key, stale: fc.option(fc.boolean()) }),
        fc.record({ kind: fc.constant("reopen" as const) }),
      );
      await fc.assert(
        fc.asyncProperty(fc.array(command, { maxLength: 25 }), async (commands) => {
          const tested = await open();
          let { store } = tested;
          const model = new Map<string, { readonly value: RecordValue; readonly version: string }>();
          for (const step of commands) {
            if (step.kind === "reopen") {
              store = (await tested.reopen?.()) ?? store;
            } else if (step.kind === "create") {
              const version = await store.create(step.key, step.value as RecordValue);
              expect(version === undefined).toBe(model.has(step.key));
              if (version !== undefined) model.set(step.key, { value: step.value as RecordValue, version });
            } else {
              const known = model.get(step.key);
              const version = step.stale ? "no such version" : (known?.version ?? "none");
              if (step.kind === "replace") {
                const next = await store.replace(step.key, step.value as RecordValue, version);
                expect(next !== undefined).toBe(known !== undefined && !step.stale);
                if (next !== undefined) model.set(step.key, { value: step.value as RecordValue, version: next });
              } else {
                const went = await store.delete(step.key, step.stale === null ? undefined : version);
                expect(went).toBe(known !== undefined && !step.stale);
                if (went) model.delete(step.key);
              }
            }
            for (const at of ["a", "b", "a:1"]) expect((await store.read(at))?.version).toBe(model.get(at)?.version);
          }
          const expected = [...model].map(([at, { value }]) => [at, JSON.parse(JSON.stringify(value)) as RecordValue]);
          expect(await contentOf(store)).toEqual(new Map(expected as [string, RecordValue][]));
          await store.close?.();
        }),
        { numRuns: 40 },
      );
    }, 60_000);
  });
}

export async function contentOf(store: RecordStore, prefix = ""): Promise<Map<string, RecordValue>> {
  const content = new Map<string, RecordValue>();
  for await (const { key, value } of store.scan(prefix)) content.set(key, value);
  return content;
}
