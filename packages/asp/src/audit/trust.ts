import type { CallOptions, Clock, Transport } from "@imprest/core";
import { ConfigurationError, hex, parseHex, systemClock } from "@imprest/core/internal/verify";
import {
  type Jwk,
  type KeyLookup,
  type KeyQuery,
  type KeySet,
  type KeyWindow,
  TrustedOrigins,
  createKeySet,
  createRemoteKeySet,
  mergeKeySets,
} from "@imprest/core/audit";
import { aspJwksPath } from "@imprest/core/models/asp";

/** Whom to believe, and by which keys. */
export interface AuditTrustOptions {
  /** Issuers, as bare HTTPS origins. A type prefix is no identity (ASP §5), so nobody else is believed. */
  readonly origins: readonly string[];
  /**
   * Parsed JWK Sets by origin: the keys of that issuer, and of no other. The end of a retired key is its member `exp`,
   * its beginning `nbf`, both in seconds since the Unix epoch: outside of them it verifies nothing.
   */
  readonly jwks?: Readonly<Record<string, unknown>> | undefined;
  /** Also fetches `/.well-known/asp-jwks.json` from the origins; without it there is no network. */
  readonly fetchKeys?: boolean | undefined;
  /** Type prefixes that only one origin may use: `{ "org.agentspend": "https://authority.example" }`. */
  readonly prefixes?: Readonly<Record<string, string>> | undefined;
  /** Keys that a thief may hold, by the hex of their 32 bytes: they verify nothing signed at or after that time. */
  readonly notAfterMs?: Readonly<Record<string, number>> | undefined;
  /** For development: also takes `http:` origins on this machine. */
  readonly allowLoopbackHttp?: boolean | undefined;
  readonly transport?: Transport | undefined;
  readonly clock?: Clock | undefined;
}

/** Whom a verifier believes, and where their keys are. */
export interface AuditTrust {
  readonly clock: Clock;
  /** The origin of a source that is trusted; `undefined` for any other, and for a URL that two readers read apart. */
  originOf(source: string): string | undefined;
  /** False for a prefix that is pinned to another origin. */
  mayUse(prefix: string, origin: string): boolean;
  /** The key that an event of `origin` names, at the time at which it says to have been signed. */
  find(
    origin: string,
    kid: string,
    atMs: number | undefined,
    options?: Pick<CallOptions, "signal">,
  ): Promise<KeyLookup>;
}

/**
 * @throws ConfigurationError for anything but bare origins, and for keys of an origin that is not among them;
 * ValidationError for what is no JWK Set, or gives one `kid` to two keys.
 */
export function createAuditTrust(options: AuditTrustOptions): AuditTrust {
  const { origins, jwks = {}, prefixes = {}, allowLoopbackHttp = false, clock = systemClock } = options;
  const trusted = new TrustedOrigins(origins, allowLoopbackHttp);
  const keys = new IssuerKeys(givenKeys(jwks, trusted), options);
  /** A file names one source thousands of times. */
  let last: { readonly source: string; readonly origin: string | undefined } | undefined;
  return {
    clock,
    originOf(source) {
      if (last?.source !== source) last = { source, origin: trusted.admit(source)?.origin };
      return last.origin;
    },
    mayUse: (prefix, origin) => !Object.hasOwn(prefixes, prefix) || prefixes[prefix] === origin,
    find: (origin, kid, atMs, call) => keys.find(origin, { kid, atMs, windowOf }, call),
  };
}

function givenKeys(jwks: Readonly<Record<string, unknown>>, trusted: TrustedOrigins): Map<string, KeySet> {
  const sets = new Map<string, KeySet>();
  for (const [origin, set] of Object.entries(jwks)) {
    const url = trusted.admit(origin);
    if (url?.pathname !== "/") throw new ConfigurationError(`jwks has keys of ${origin}, which is none of origins.`);
    if (sets.has(url.origin)) throw new ConfigurationError(`jwks names ${url.origin} twice; merge its key sets.`);
    sets.set(url.origin, createKeySet(mergeKeySets([{ name: `the key set of ${origin}`, jwks: set }])));
  }
  return sets;
}

/** The keys of each issuer: as they were given, and as it publishes them where they may be fetched. */
class IssuerKeys {
  readonly #given: ReadonlyMap<string, KeySet>;
  readonly #published: ReturnType<typeof createRemoteKeySet> | undefined;
  readonly #pins: ReadonlyMap<string, number>;

  constructor(given: ReadonlyMap<string, KeySet>, options: AuditTrustOptions) {
    const { origins, fetchKeys, allowLoopbackHttp, transport, clock, notAfterMs = {} } = options;
    this.#given = given;
    this.#pins = new Map(Object.entries(notAfterMs).map(([key, atMs]) => [pinnedKey(key), atMs]));
    if (fetchKeys !== true) return;
    this.#published = createRemoteKeySet({ trustedOrigins: origins, allowLoopbackHttp, transport, clock });
  }

  async find(origin: string, query: KeyQuery, call?: Pick<CallOptions, "signal">): Promise<KeyLookup> {
    const lookup = await this.#lookUp(origin, query, call);
    if (lookup.status !== "found") return lookup;
    const { publicKey, notBeforeMs, notAfterMs } = lookup.key;
    const isBounded = notBeforeMs !== undefined || notAfterMs !== undefined;
    if (isBounded && query.atMs === undefined) {
      return refused("outside_window", "The key has an end, and the event has no time of signing that can be read.");
    }
    const pin = this.#pins.get(hex(publicKey));
    if (pin === undefined || (query.atMs !== undefined && query.atMs < pin)) return lookup;
    return refused("revoked_key", "The operator no longer accepts this key at the time of signing.");
  }

  /** An issuer may have published the end of a key after its set was saved, so both must agree to the key. */
  async #lookUp(origin: string, query: KeyQuery, call?: Pick<CallOptions, "signal">): Promise<KeyLookup> {
    const given = this.#given.get(origin)?.find(query);
    if (this.#published === undefined) return given ?? unresolved;
    const published = await this.#published.find(`${origin}${aspJwksPath}`, query, call);
    if (given?.status !== "found") return published.status === "unresolved" ? (given ?? published) : published;
    const contradicts =
      published.status === "found"
        ? hex(published.key.publicKey) !== hex(given.key.publicKey)
        : published.status === "refused" && published.problem.code !== "unknown_key";
    if (!contradicts) return given;
    return published.status === "refused"
      ? published
      : refused("key_conflict", "The issuer publishes another key under this kid than the one that was given.");
  }
}

/** RFC 7517 gives a key no times; `exp` and `nbf` are those of OpenID Federation's historical keys (RFC 7519 §4.1). */
function windowOf({ nbf, exp }: Jwk): KeyWindow | undefined {
  const [notBeforeMs, notAfterMs] = [millisecondsOf(nbf), millisecondsOf(exp)];
  if (Number.isNaN(notBeforeMs) || Number.isNaN(notAfterMs)) return undefined;
  return { ...(notBeforeMs !== undefined && { notBeforeMs }), ...(notAfterMs !== undefined && { notAfterMs }) };
}

/** A NumericDate; `NaN` for what is none, so that a key whose end cannot be read has no other. */
function millisecondsOf(value: unknown): number | undefined {
  if (value === undefined || value === null) return undefined;
  return typeof value === "number" ? Math.round(value * 1_000) : Number.NaN;
}

function pinnedKey(text: string): string {
  const bytes = parseHex(text);
  if (bytes?.length === 32) return hex(bytes);
  throw new ConfigurationError("notAfterMs takes public keys as 64 hex digits.");
}

function refused(code: string, message: string): KeyLookup {
  return { status: "refused", problem: { code, message } };
}

const unresolved: KeyLookup = {
  status: "unresolved",
  problem: { code: "no_keys", message: "There are no keys of the issuer: give them, or have them fetched." },
};
