import { type Jwk, type JsonValue, canonicalize, createKeySet } from "@imprest/core/audit";
import { UsageError } from "./command.ts";
import { printable } from "./printable.ts";
import { readJson } from "./read-json.ts";
import type { Terminal } from "./terminal.ts";

interface KeyFile {
  readonly path: string;
  readonly jwks: unknown;
}

interface FoundKey {
  readonly key: Jwk;
  readonly path: string;
}

/** Parsed JWK Sets by whom they belong to. Several files for one signer are one set: its current and archived keys. */
export class KeyFiles {
  readonly #files = new Map<string, KeyFile[]>();
  readonly #terminal: Terminal;

  constructor(terminal: Terminal) {
    this.#terminal = terminal;
  }

  /** @throws UsageError for a file that is not JSON. */
  async read(signer: string, path: string): Promise<void> {
    const files = this.#files.get(signer) ?? [];
    this.#files.set(signer, [...files, { path, jwks: await readJson(path, this.#terminal) }]);
  }

  get isEmpty(): boolean {
    return this.#files.size === 0;
  }

  /**
   * One set a signer.
   * @throws UsageError naming two files that give one kid to different keys; ValidationError for one of several files
   * that holds no key set.
   */
  sets(): Record<string, unknown> {
    return Object.fromEntries([...this.#files].map(([signer, files]) => [signer, merge(files)]));
  }
}

/** A single file stays as it is, and so do keys of one file: the verifier itself judges what is wrong within a set. */
function merge(files: readonly KeyFile[]): unknown {
  const [first, ...others] = files;
  if (others.length === 0) return first?.jwks;
  let merged: readonly FoundKey[] = [];
  for (const { path, jwks } of files) {
    const earlier = merged;
    for (const key of createKeySet(jwks).keys) {
      const same = earlier.find((found) => isSame(found.key, key));
      if (same === undefined) merged = [...merged, { key, path }];
      else if (!agree(same.key, key)) throw conflictOf(same, { key, path });
      // A member that only one file has, such as the end of a key's time, can but narrow what the key verifies.
      else merged = merged.map((found) => (found === same ? { ...same, key: { ...same.key, ...key } } : found));
    }
  }
  return { keys: merged.map(({ key }) => key) };
}

/** A `kid` names a key; one without is known by all that it is. */
function isSame(left: Jwk, right: Jwk): boolean {
  return left.kid === undefined && right.kid === undefined ? textOf(left) === textOf(right) : left.kid === right.kid;
}

function agree(left: Jwk, right: Jwk): boolean {
  const shared = Object.keys(left).filter((name) => Object.hasOwn(right, name));
  return shared.every((name) => textOf(left[name]) === textOf(right[name]));
}

/** Both came out of a JSON file. */
function textOf(value: unknown): string {
  return canonicalize(value as JsonValue);
}

function conflictOf({ key, path }: FoundKey, other: FoundKey): UsageError {
  const kid = printable(String(key.kid));
  return new UsageError(
    `${path} and ${other.path} differ about the key "${kid}" of one signer. Keep the file that is right about it.`,
  );
}
