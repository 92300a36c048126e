import { defaultTransport } from "../http/index.ts";
import { raceAbort } from "../platform/async.ts";
import { type Clock, systemClock } from "../platform/clock.ts";
import { hex } from "../platform/encoding.ts";
import type { CallOptions } from "../authority/request.ts";
import { type JwksSource, fetchJwks } from "./fetch-jwks.ts";
import type { Jwk } from "./jwk.ts";
import { type KeyLookup, type KeyProblem, type KeyQuery, refused, unresolved } from "./key-lookup.ts";
import { type KeySet, createKeySet } from "./key-set.ts";
import type { KeyTrust, RemoteKeySet, RemoteKeySetOptions } from "./key-trust.ts";

/** What is known of one URL. Times are monotonic. */
interface Entry {
  readonly url: URL;
  current?: KeySet | undefined;
  /** Keys of earlier sets that the current one no longer lists. */
  retained: KeySet;
  attemptedAtMs: number;
  problem?: KeyProblem | undefined;
  pending?: Promise<void> | undefined;
}

const noKeys = createKeySet({ keys: [] });

/**
 * The memory of a `RemoteKeySet`. Each URL has its own cool-down, so that requests for one set never delay another. An
 * origin has a bounded number of places, each is fetched at most once in a cool-down, and a set that was ever good keeps
 * its place.
 */
export class KeyDirectory implements RemoteKeySet {
  readonly #trust: KeyTrust;
  readonly #source: JwksSource;
  readonly #clock: Clock;
  readonly #maxAgeMs: number;
  readonly #coolDownMs: number;
  readonly #maxSetsPerOrigin: number;
  readonly #entries = new Map<string, Entry>();

  constructor(trust: KeyTrust, options: RemoteKeySetOptions) {
    const { transport = defaultTransport(), clock = systemClock } = options;
    const { timeoutMs = 5000, maxBytes = 65_536, maxKeys = 100 } = options;
    this.#trust = trust;
    this.#source = { transport, clock, timeoutMs, maxBytes, maxKeys };
    this.#clock = clock;
    this.#maxAgeMs = options.maxAgeMs ?? 600_000;
    this.#coolDownMs = options.coolDownMs ?? 30_000;
    this.#maxSetsPerOrigin = options.maxSetsPerOrigin ?? 16;
  }

  async find(jwksUrl: string, query: KeyQuery, options?: Pick<CallOptions, "signal">): Promise<KeyLookup> {
    const lookup = await this.#lookUp(jwksUrl, query, options?.signal);
    if (lookup.status !== "found") return lookup;
    const notAfterMs = this.#trust.pins.get(hex(lookup.key.publicKey));
    if (notAfterMs === undefined || (query.atMs !== undefined && query.atMs < notAfterMs)) return lookup;
    return refused("revoked_key", "The operator no longer accepts this key at the time of signing.");
  }

  async #lookUp(jwksUrl: string, query: KeyQuery, signal: AbortSignal | undefined): Promise<KeyLookup> {
    const bundled = this.#trust.bundle.get(jwksUrl)?.find(query);
    if (bundled?.status === "found") return bundled;
    const url = this.#trust.origins.admit(jwksUrl);
    if (url === undefined) {
      return (
        bundled ??
        unresolved("origin_not_trusted", "The signer's keys are not at a plain URL of an origin in trustedOrigins.")
      );
    }
    const entry = this.#entryOf(url);
    if (entry === undefined) return unresolved("too_many_key_sets", "The origin names too many key sets at once.");
    await this.#refresh(entry, signal, () => entry.current === undefined || this.#since(entry) >= this.#maxAgeMs);
    let found = findIn(entry, query);
    if (isUnknown(found)) {
      await this.#refresh(entry, signal, () => isUnknown(findIn(entry, query)));
      found = findIn(entry, query);
    }
    return found.status === "found" ? found : (bundled ?? found);
  }

  /** Waits for a fetch under way, or starts one if it is needed and the cool-down is over. */
  async #refresh(entry: Entry, signal: AbortSignal | undefined, isNeeded: () => boolean): Promise<void> {
    if (!isNeeded()) return;
    if (entry.pending === undefined && this.#since(entry) >= this.#coolDownMs) {
      entry.attemptedAtMs = this.#clock.monotonic();
      entry.pending = this.#fetch(entry).finally(() => (entry.pending = undefined));
    }
    if (entry.pending !== undefined) await raceAbort(entry.pending, signal, "Fetching a key set");
  }

  /** Never rejects: a failure is kept in the entry, and so are the keys known before. */
  async #fetch(entry: Entry): Promise<void> {
    const fetched = await fetchJwks(entry.url, this.#source);
    if ("problem" in fetched) {
      entry.problem = fetched.problem;
      return;
    }
    entry.problem = undefined;
    const { maxKeys } = this.#source;
    entry.retained = createKeySet({ keys: retainedKeys(entry, fetched.set).slice(-maxKeys) }, { maxKeys });
    entry.current = fetched.set;
  }

  #entryOf(url: URL): Entry | undefined {
    const known = this.#entries.get(url.href);
    if (known !== undefined) return known;
    if (!this.#hasPlaceOfItsOwn(url.href)) {
      const rivals = [...this.#entries.values()].filter(
        (entry) => entry.url.origin === url.origin && !this.#hasPlaceOfItsOwn(entry.url.href),
      );
      if (rivals.length >= this.#maxSetsPerOrigin) {
        const failed = rivals.find((entry) => this.#mayGo(entry));
        if (failed === undefined) return undefined;
        this.#entries.delete(failed.url.href);
      }
    }
    const entry = { url, retained: noKeys, attemptedAtMs: -Infinity };
    this.#entries.set(url.href, entry);
    return entry;
  }

  /** The operator vouches for the URLs in the bundle, so what others name never takes their places. */
  #hasPlaceOfItsOwn(href: string): boolean {
    return this.#trust.bundle.has(href);
  }

  /** Only what was never good, and only once its cool-down is over: a change of URL earns no earlier fetch. */
  #mayGo(entry: Entry): boolean {
    return entry.current === undefined && entry.pending === undefined && this.#since(entry) >= this.#coolDownMs;
  }

  #since(entry: Entry): number {
    return this.#clock.monotonic() - entry.attemptedAtMs;
  }
}

function isUnknown(lookup: KeyLookup): boolean {
  return lookup.status === "refused" && lookup.problem.code === "unknown_key";
}

function findIn({ current, retained, problem }: Entry, query: KeyQuery): KeyLookup {
  if (current === undefined) {
    return {
      status: "unresolved",
      problem: problem ?? { code: "jwks_unreachable", message: "No key set was fetched." },
    };
  }
  const found = current.find(query);
  if (!isUnknown(found)) return found;
  const old = retained.find(query);
  return old.status === "found" ? { ...old, key: { ...old.key, retained: true } } : old;
}

/** The keys known before that the new set does not list. Of a set that refused, for an ambiguity say, none is kept. */
function retainedKeys({ current, retained }: Entry, next: KeySet): Jwk[] {
  const before = [...retained.keys, ...(current?.keys ?? []).filter((jwk) => isUsable(current, jwk))];
  const listed = new Set(next.keys.map(({ kid }) => kid));
  return before.filter(({ kid }) => !listed.has(kid));
}

function isUsable(set: KeySet | undefined, { kid }: Jwk): boolean {
  return typeof kid === "string" && set?.find({ kid }).status === "found";
}
