import type { CallOptions } from "../authority/request.ts";
import type { Transport } from "../http/transport.ts";
import type { Clock } from "../platform/clock.ts";
import type { KeyLookup, KeyQuery } from "./key-lookup.ts";
import type { KeySet } from "./key-set.ts";
import type { TrustedOrigins } from "./trusted-origins.ts";

/** The published keys of many signers, each under the URL of its JWK Set. */
export interface RemoteKeySet {
  /**
   * A key from the set at `jwksUrl`, from memory where possible.
   * @throws AbortedError when `options.signal` aborts; every other failure is an answer (`unresolved`).
   */
  find(jwksUrl: string, query: KeyQuery, options?: Pick<CallOptions, "signal">): Promise<KeyLookup>;
}

/** Which origins are asked for keys, and what is known without asking. */
export interface RemoteKeySetOptions {
  /** Bare HTTPS origins. Nothing is ever fetched from another; with an empty list nothing is fetched at all. */
  readonly trustedOrigins: readonly string[];
  /** For development: also take `http:` origins on this machine in `trustedOrigins`. */
  readonly allowLoopbackHttp?: boolean | undefined;
  /** Parsed JWK Sets by URL, for use offline. They are trusted as they are, whatever their origin. */
  readonly bundle?: Readonly<Record<string, unknown>> | undefined;
  /** Keys that a thief may hold, by the hex of their 32 bytes: they verify nothing signed at or after that time. */
  readonly notAfterMs?: Readonly<Record<string, number>> | undefined;
  /** How old a set may grow before it is fetched again, in milliseconds; ten minutes by default. */
  readonly maxAgeMs?: number | undefined;
  /**
   * At most one fetch of each set in this time, in milliseconds; 30 seconds by default. A key that a signer has just
   * published is found after this time at the latest, whatever else is asked for.
   */
  readonly coolDownMs?: number | undefined;
  /** Deadline of one fetch, in milliseconds; five seconds by default. */
  readonly timeoutMs?: number | undefined;
  /** The largest set, in bytes; 64 KiB by default. */
  readonly maxBytes?: number | undefined;
  /** The most keys in a set; 100 by default. */
  readonly maxKeys?: number | undefined;
  /**
   * The most sets kept for one origin, since paths may be chosen by an attacker; 16 by default. So many fetches in a
   * cool-down are the most that one origin is asked for. A set that was fetched once keeps its place, and one in
   * `bundle` has a place of its own.
   */
  readonly maxSetsPerOrigin?: number | undefined;
  readonly transport?: Transport | undefined;
  readonly clock?: Clock | undefined;
}

/** What an operator trusts, checked. */
export interface KeyTrust {
  readonly origins: TrustedOrigins;
  readonly bundle: ReadonlyMap<string, KeySet>;
  /** Ends of keys by the hex of their bytes, epoch milliseconds. */
  readonly pins: ReadonlyMap<string, number>;
}
