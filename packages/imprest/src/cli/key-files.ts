import { type NamedKeySet, mergeKeySets } from "@imprest/core/audit";
import { readJson } from "./read-json.ts";
import type { Terminal } from "./terminal.ts";

/** Parsed JWK Sets by whom they belong to. Several files for one signer are one set: its current and archived keys. */
export class KeyFiles {
  readonly #files = new Map<string, NamedKeySet[]>();
  readonly #terminal: Terminal;

  constructor(terminal: Terminal) {
    this.#terminal = terminal;
  }

  /** @throws UsageError for a file that is not JSON. */
  async read(signer: string, path: string): Promise<void> {
    const files = this.#files.get(signer) ?? [];
    this.#files.set(signer, [...files, { name: path, jwks: await readJson(path, this.#terminal) }]);
  }

  get isEmpty(): boolean {
    return this.#files.size === 0;
  }

  /**
   * One set a signer.
   * @throws ValidationError naming two files that give one kid to different keys, or for what holds no key set.
   */
  sets(): Record<string, unknown> {
    // A single file stays as it is: the verifier itself judges what is wrong within a set.
    const set = (files: readonly NamedKeySet[]): unknown => (files.length === 1 ? files[0]?.jwks : mergeKeySets(files));
    return Object.fromEntries([...this.#files].map(([signer, files]) => [signer, set(files)]));
  }
}
