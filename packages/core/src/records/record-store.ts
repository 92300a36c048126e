/** What a record may hold: plain JSON. Amounts are written as decimal strings, frozen wire bodies as their text. */
export type RecordValue =
  | null
  | boolean
  | number
  | string
  | readonly RecordValue[]
  | { readonly [key: string]: RecordValue };

/** A record as it stands in a store. `version` changes with every write and is opaque. */
export interface StoredRecord {
  readonly key: string;
  readonly value: RecordValue;
  readonly version: string;
}

/**
 * Where settlements, claims, phases and dead letters outlive what made them. A write is durable to the store's own
 * promise when its promise resolves. Keys are any non-empty string of at most 1,024 characters. Every method rejects
 * when the store cannot answer; none guesses.
 */
export interface RecordStore {
  /** Writes a new record. @returns its version, or `undefined` when the key is taken (nothing is written). */
  create(key: string, value: RecordValue): Promise<string | undefined>;
  /** @returns the record, or `undefined`. */
  read(key: string): Promise<StoredRecord | undefined>;
  /** Replaces a record whose version still is `version`. @returns the new version, or `undefined` when it is not. */
  replace(key: string, value: RecordValue, version: string): Promise<string | undefined>;
  /** Deletes a record; with `version`, only while it still has that version. @returns whether a record went. */
  delete(key: string, version?: string): Promise<boolean>;
  /** The records whose keys start with `prefix`, each as it is when it is yielded; order is the store's own. */
  scan(prefix: string): AsyncIterable<StoredRecord>;
  /** Releases files and connections; pending writes finish first. */
  close?(): Promise<void>;
}
