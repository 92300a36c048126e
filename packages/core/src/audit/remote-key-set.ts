import { ConfigurationError } from "../errors/local-errors.ts";
import { hex, parseHex } from "../platform/encoding.ts";
import { createKeySet } from "./key-set.ts";
import type { KeyTrust, RemoteKeySet, RemoteKeySetOptions } from "./key-trust.ts";
import { TrustedOrigins } from "./trusted-origins.ts";

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
