import { base64url, hex, parseHex, parseJson, stringifyJson, systemRandom, utf8 } from "@imprest/core/internal";
import { sha256 } from "@noble/hashes/sha2.js";
import type { Journal } from "../ledger/journal.ts";
import { LedgerRefusal } from "../ledger/refusal.ts";
import { type ScopeFilter, scopeFilterOf } from "../ledger/scope-filter.ts";
import { equalInConstantTime } from "./constant-time.ts";

/** A key as an operator sees it after its creation: who it acts for, never what it is. */
export interface ApiKeyInfo {
  readonly id: string;
  readonly tenant: string;
  readonly status: "ACTIVE" | "REVOKED";
  /** The scopes that it may act in; everything of the tenant when absent. */
  readonly scopeFilter?: ScopeFilter | undefined;
}

/** Which key to bind to a tenant. */
export interface NewApiKey {
  readonly tenant: string;
  /** 16 to 256 visible ASCII characters; a fresh one of 256 bits when absent. */
  readonly key?: string | undefined;
  /**
   * Scope paths, whose names may be `*`: requests under the key act in these and beneath, and see nothing else (Cycles
   * governance §ApiKey, scope_filter). One that names no tenant is of the key's own.
   */
  readonly scopeFilter?: readonly string[] | undefined;
}

interface ApiKeyRecord extends ApiKeyInfo {
  /** SHA-256 of the key. */
  readonly digest: Uint8Array;
}

/** The start of a digest finds the candidates; how it compares reveals nothing about the rest. */
const bucketBytes = 4;
const noDigest = new Uint8Array(32);

/** The keys that may speak for a tenant. Only their SHA-256 is held and stored. */
export class ApiKeys {
  readonly #byId = new Map<string, ApiKeyRecord>();
  readonly #buckets = new Map<string, ApiKeyRecord[]>();
  readonly #journal: Journal | undefined;

  /** @param stored what an earlier run journaled, by store key. */
  constructor(journal: Journal | undefined, stored: ReadonlyMap<string, string> = new Map()) {
    this.#journal = journal;
    for (const text of stored.values()) this.#put(readRecord(text));
  }

  /** Binds a key to a tenant, the operator's own or a fresh one of 256 bits. @returns the key: it is returned only once. */
  create({ tenant, key = freshKey(), scopeFilter }: NewApiKey): { readonly id: string; readonly key: string } {
    if (!/^[\x21-\x7e]{16,256}$/.test(key)) {
      throw new LedgerRefusal("INVALID_REQUEST", "An API key must be 16 to 256 visible ASCII characters.");
    }
    const within = scopeFilter && scopeFilterOf(tenant, scopeFilter);
    const digest = sha256(utf8(key));
    if (this.#find(digest) !== undefined) {
      throw new LedgerRefusal("DUPLICATE_RESOURCE", "The API key exists already.");
    }
    const id = `key_${crypto.randomUUID()}`;
    this.#put({ id, tenant, status: "ACTIVE", digest, ...(within && { scopeFilter: within }) });
    this.#changed(id);
    return { id, key };
  }

  /** @returns the key as it was before. @throws LedgerRefusal NOT_FOUND. */
  revoke(id: string): ApiKeyInfo {
    const record = this.#byId.get(id);
    if (record === undefined) throw new LedgerRefusal("NOT_FOUND", "There is no such API key.");
    this.#put({ ...record, status: "REVOKED" });
    this.#changed(id);
    return record;
  }

  /** @returns the keys that were active. */
  revokeAllOf(tenant: string): ApiKeyInfo[] {
    const active = this.list(tenant).filter(({ status }) => status === "ACTIVE");
    return active.map(({ id }) => this.revoke(id));
  }

  list(tenant: string): ApiKeyInfo[] {
    return Array.from(this.#byId.values())
      .filter((record) => record.tenant === tenant)
      .map(({ id, status, scopeFilter }) => ({ id, tenant, status, ...(scopeFilter && { scopeFilter }) }));
  }

  /** Whose a presented key is; `undefined` for a key that is unknown or revoked. */
  holderOf(presented: string): ApiKeyInfo | undefined {
    const record = this.#find(sha256(utf8(presented)));
    return record?.status === "ACTIVE" ? record : undefined;
  }

  #find(digest: Uint8Array): ApiKeyRecord | undefined {
    let found: ApiKeyRecord | undefined;
    for (const candidate of this.#buckets.get(bucketOf(digest)) ?? []) {
      if (equalInConstantTime(candidate.digest, digest)) found = candidate;
    }
    // Without a candidate one comparison is made all the same, so that its absence costs no less time.
    if (found === undefined) equalInConstantTime(noDigest, digest);
    return found;
  }

  #put(record: ApiKeyRecord): void {
    this.#byId.set(record.id, record);
    const bucket = bucketOf(record.digest);
    const others = (this.#buckets.get(bucket) ?? []).filter(({ id }) => id !== record.id);
    this.#buckets.set(bucket, [...others, record]);
  }

  #changed(id: string): void {
    this.#journal?.changed(`api-key/${id}`, () => {
      const record = this.#byId.get(id);
      return stringifyJson(record && { ...record, digest: hex(record.digest) });
    });
  }
}

function freshKey(): string {
  return `imp_${base64url(systemRandom(32))}`;
}

function bucketOf(digest: Uint8Array): string {
  return hex(digest.subarray(0, bucketBytes));
}

function readRecord(text: string): ApiKeyRecord {
  const record = parseJson(text) as unknown as ApiKeyInfo & { readonly digest: string };
  return { ...record, digest: parseHex(record.digest) ?? noDigest };
}
