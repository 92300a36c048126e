import { createDeferred } from "@imprest/core/internal";
import { describe, expect, it } from "vitest";
import { LedgerUnavailableError, type LedgerStore, type StoreChange } from "../../src/index.ts";
import { Journal } from "../../src/ledger/journal.ts";

/** A store whose writes take their batch at once and finish when the test says so. */
class GatedStore implements LedgerStore {
  readonly batches: (readonly StoreChange[])[] = [];
  readonly gates: { resolve(): void; reject(reason: unknown): void }[] = [];

  load(): [] {
    return [];
  }

  write(take: () => readonly StoreChange[]): Promise<void> {
    this.batches.push(take());
    const gate = createDeferred<void>();
    this.gates.push({ resolve: () => gate.resolve(), reject: (reason) => gate.reject(reason) });
    return gate.promise;
  }

  close(): void {}
}

/** Lets everything that can happen happen. */
const settle = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 1));

function watch(promise: Promise<void>): { state: string } {
  const seen = { state: "pending" };
  promise.then(
    () => (seen.state = "durable"),
    (error: Error) => (seen.state = error.name),
  );
  return seen;
}

describe("Journal", () => {
  it("has who only reads wait for the write under way: it may have read what is not durable yet", async () => {
    const store = new GatedStore();
    const journal = new Journal(store);
    journal.changed("a", () => "1");
    const writer = watch(journal.durable());
    await settle();
    const reader = watch(journal.durable());
    await settle();
    expect([writer.state, reader.state]).toEqual(["pending", "pending"]);
    store.gates[0]?.resolve();
    await settle();
    expect([writer.state, reader.state]).toEqual(["durable", "durable"]);
    await journal.durable();
    expect(store.batches).toHaveLength(1);
  });

  it("has what changes during a write wait for the next one, which all of it shares", async () => {
    const store = new GatedStore();
    const journal = new Journal(store);
    let value = 1;
    const change = (): { state: string } => {
      journal.changed("a", () => String(value));
      return watch(journal.durable());
    };
    const first = change();
    await settle();
    value = 2;
    const second = change();
    value = 3;
    journal.removed("b");
    const third = change();
    store.gates[0]?.resolve();
    await settle();
    expect([first.state, second.state, third.state]).toEqual(["durable", "pending", "pending"]);
    store.gates[1]?.resolve();
    await settle();
    expect([second.state, third.state]).toEqual(["durable", "durable"]);
    expect(store.batches).toEqual([
      [["a", "1"]],
      [
        ["a", "3"],
        ["b", undefined],
      ],
    ]);
  });

  it("fails everyone who waits, and everyone after them, once a write has failed", async () => {
    const store = new GatedStore();
    const journal = new Journal(store);
    journal.changed("a", () => "1");
    const waiting = [watch(journal.durable())];
    await settle();
    waiting.push(watch(journal.durable()));
    journal.changed("b", () => "2");
    waiting.push(watch(journal.durable()));
    store.gates[0]?.reject(new Error("disk full"));
    await settle();
    expect(waiting.map(({ state }) => state)).toEqual(Array(3).fill("LedgerUnavailableError"));
    expect(() => journal.assertSound()).toThrow(LedgerUnavailableError);
    await expect(journal.durable()).rejects.toThrow(LedgerUnavailableError);
    expect(store.batches).toHaveLength(1);
  });
});
