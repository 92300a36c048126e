import { ConfigurationError } from "../errors/local-errors.ts";
import type { Transport } from "../http/transport.ts";
import type { Clock } from "../platform/clock.ts";
import { hex, parseHex } from "../platform/encoding.ts";
import type { CallOptions } from "../authority/request.ts";
import type { KeyLookup, KeyQuery } from "./key-lookup.ts";
import { type KeySet, createKeySet } from "./key-set.ts";
import { TrustedOrigins } from "./trusted-origins.ts";

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
  /** How old a set may grow before it is fetched again, in milliseconds; ten minutes unless told. */
  readonly maxAgeMs?: number | undefined;
  /**
   * At most one fetch of each set in this time, in milliseconds; 30 seconds by default. A key that a signer has just
   * published is found after this time at the latest, whatever else is asked for.
   */
  readonly coolDownMs?: number | undefined;
  /** Deadline of one fetch, in milliseconds; five seconds unless told. */
  readonly timeoutMs?: number | undefined;
  /** The largest set, in bytes; 64 KiB unless told. */
  readonly maxBytes?: number | undefined;
  /** The most keys in a set; 100 unless told. */
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

/**
 * Finds keys in JWK Sets fetched from allow-listed origins. A set is refreshed when it is old or lacks the wanted key,
 * but never more often than its own cool-down allows; failures are remembered as long. A key that disappears from a set
 * stays usable and is marked `retained`: what it signed must still verify. Requests carry no credentials and follow no
 * redirect.
 * @throws ConfigurationError for unusable origins or pins; ValidationError for a bundle that holds no JWK Set.
 */
export function createRemoteKeySet(options: RemoteKeySetOptions): RemoteKeySet {
  const { trustedOrigins, allowLoopbackHttp = false, bundle = {}, notAfterMs = {}, maxKeys } = options;
  const trust: KeyTrust = {
    origins: new TrustedOrigins(trustedOrigins, allowLoopbackHttp),
    bundle: new Map(Object.entries(bundle).map(([url, jwks]) => [url, createKeySet(jwks, { maxKeys })])),
    pins: new Map(Object.entries(notAfterMs).map(([key, atMs]) => [pinnedKey(key), atMs])),
  };
  // The rest, HTTP and all, is loaded at the first look-up: most verifiers hold their keys already.
  let directory: Promise<RemoteKeySet> | undefined;
  const load = (): Promise<RemoteKeySet> =>
    import("./key-directory.ts").then(({ KeyDirectory }) => new KeyDirectory(trust, options));
  return {
    find: async (jwksUrl, query, callOptions) => (await (directory ??= load())).find(jwksUrl, query, callOptions),
  };
}

function pinnedKey(text: string): string {
  const bytes = parseHex(text);
  if (bytes?.length === 32) return hex(bytes);
  throw new ConfigurationError("notAfterMs takes public keys as 64 hex digits.");
}
