import type { CallOptions, Clock, Transport } from "@imprest/core";
import { systemClock } from "@imprest/core";
import { type KeyLookup, TrustedOrigins, createRemoteKeySet } from "@imprest/core/audit";
import { aspJwksPath } from "@imprest/core/models/asp";

/** Whom to believe, and by which keys. */
export interface AuditTrustOptions {
  /** Issuers, as bare HTTPS origins. A type prefix is no identity (ASP §5), so nobody else is believed. */
  readonly origins: readonly string[];
  /** Parsed JWK Sets by origin: the issuers' keys, archived ones included. */
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
  /** The key that an event of `origin` names. */
  find(
    origin: string,
    kid: string,
    atMs: number | undefined,
    options?: Pick<CallOptions, "signal">,
  ): Promise<KeyLookup>;
}

/** @throws ConfigurationError for anything but bare origins; ValidationError for what is no JWK Set. */
export function createAuditTrust(options: AuditTrustOptions): AuditTrust {
  const {
    origins,
    jwks = {},
    fetchKeys = false,
    prefixes = {},
    allowLoopbackHttp = false,
    clock = systemClock,
  } = options;
  const trusted = new TrustedOrigins(origins, allowLoopbackHttp);
  const keys = createRemoteKeySet({
    trustedOrigins: fetchKeys ? origins : [],
    bundle: Object.fromEntries(Object.entries(jwks).map(([origin, set]) => [jwksUrl(origin), set])),
    allowLoopbackHttp,
    clock,
    ...(options.notAfterMs !== undefined && { notAfterMs: options.notAfterMs }),
    ...(options.transport !== undefined && { transport: options.transport }),
  });
  /** A file names one source thousands of times. */
  let last: { readonly source: string; readonly origin: string | undefined } | undefined;
  return {
    clock,
    originOf(source) {
      if (last?.source !== source) last = { source, origin: trusted.admit(source)?.origin };
      return last.origin;
    },
    mayUse: (prefix, origin) => !Object.hasOwn(prefixes, prefix) || prefixes[prefix] === origin,
    find: (origin, kid, atMs, call) => keys.find(jwksUrl(origin), { kid, atMs }, call),
  };
}

function jwksUrl(origin: string): string {
  return `${origin.replace(/\/$/, "")}${aspJwksPath}`;
}
