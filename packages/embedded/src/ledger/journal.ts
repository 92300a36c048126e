import { createDeferred } from "@imprest/core/internal";
import { LedgerUnavailableError } from "./unavailable.ts";
import type { LedgerStore, StoreChange } from "./store.ts";

const storeFailed = "The ledger's store failed; mend it and open the authority again.";

/**
 * Collects what changed and has it written in groups: while one write is under way, the changes of every request that
 * arrives share the next. An entry that changes often is written once a group, as it stands when the write begins.
 */
export class Journal {
  readonly #store: LedgerStore;
  readonly #changed = new Map<string, (() => string) | undefined>();
  /** The write whose batch is taken. */
  #writing: Promise<void> | undefined;
  /** The write that will take what is in `#changed`. */
  #scheduled: Promise<void> | undefined;
  #failure: LedgerUnavailableError | undefined;

  constructor(store: LedgerStore) {
    this.#store = store;
  }

  /** Marks an entry as changed. `encode` is called when the write begins. */
  changed(key: string, encode: () => string): void {
    this.#changed.set(key, encode);
  }

  removed(key: string): void {
    this.#changed.set(key, undefined);
  }

  /** False once a write has failed. */
  get isSound(): boolean {
    return this.#failure === undefined;
  }

  /** Writes nothing any more, not even what was marked: it may be wrong. */
  stop(failure: LedgerUnavailableError): void {
    this.#failure ??= failure;
    this.#changed.clear();
  }

  /** @throws LedgerUnavailableError once a write has failed. */
  assertSound(): void {
    if (this.#failure !== undefined) throw this.#failure;
  }

  /** Resolves once everything marked so far is durable. @throws LedgerUnavailableError when it will not be. */
  async durable(): Promise<void> {
    this.assertSound();
    if (this.#changed.size > 0) await (this.#scheduled ??= this.#write());
    else await this.#writing;
  }

  async #write(): Promise<void> {
    // A write under way that fails sets #failure, which the check turns into this write's own.
    await this.#writing?.catch(() => {});
    this.assertSound();
    const written = createDeferred<void>();
    // Nobody may be waiting for this write but its own caller.
    written.promise.catch(() => {});
    try {
      await this.#store.write(() => {
        this.#scheduled = undefined;
        this.#writing = written.promise;
        return this.#take();
      });
      written.resolve();
    } catch (error) {
      this.#failure = new LedgerUnavailableError(storeFailed, { cause: error });
      written.reject(this.#failure);
      throw this.#failure;
    } finally {
      this.#writing = undefined;
    }
  }

  #take(): StoreChange[] {
    const batch = Array.from(this.#changed, ([key, encode]): StoreChange => [key, encode?.()]);
    this.#changed.clear();
    return batch;
  }
}
