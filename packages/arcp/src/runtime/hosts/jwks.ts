import { ConfigurationError } from "@imprest/core";
import { type JWTVerifyGetKey, createRemoteJWKSet, jwtVerify } from "jose";
import type { Authenticate } from "../options.ts";

/** Which tokens are good. */
export interface JwksOptions {
  /** The `iss` that a token must have. */
  readonly issuer: string;
  /** The `aud` that a token must have: this runtime's own name at its issuer. */
  readonly audience: string;
  /** Signature algorithms; default `EdDSA`, `ES256`, `RS256`, `PS256`. */
  readonly algorithms?: readonly string[] | undefined;
  /** The claim that names the principal; default `sub`. */
  readonly principalClaim?: string | undefined;
  /** Seconds that clocks may differ; default 5. */
  readonly clockToleranceSec?: number | undefined;
}

/** Asymmetric ones alone: with a key set that everybody reads, a symmetric key would be everybody's. */
const usualAlgorithms = ["EdDSA", "ES256", "RS256", "PS256"];

/**
 * Bearer tokens that are JWTs, checked by the key set of their issuer. A token that is not good is nobody's, also while the
 * key set cannot be had.
 * @param keys the `https:` address of a key set, or a function of `jose` that finds a key.
 * @throws ConfigurationError for a key set that would travel in the clear.
 * @example
 * const authenticate = jwksTokens("https://id.example.com/jwks.json", { issuer: "https://id.example.com", audience: "arcp" });
 * const runtime = createArcpRuntime({ authenticate });
 */
export function jwksTokens(keys: string | URL | JWTVerifyGetKey, options: JwksOptions): Authenticate {
  const { issuer, audience, algorithms = usualAlgorithms, principalClaim = "sub", clockToleranceSec = 5 } = options;
  const findKey = typeof keys === "function" ? keys : createRemoteJWKSet(secureUrl(keys));
  const rules = { issuer, audience, algorithms: [...algorithms], clockTolerance: clockToleranceSec };
  return async (token) => {
    try {
      const { payload } = await jwtVerify(token, findKey, { ...rules, requiredClaims: ["exp"] });
      const principal = payload[principalClaim];
      return typeof principal === "string" ? principal : undefined;
    } catch {
      // Which rule it broke is not for whoever sent it.
      return undefined;
    }
  };
}

function secureUrl(url: string | URL): URL {
  const parsed = new URL(url);
  if (parsed.protocol !== "https:" && parsed.hostname !== "localhost" && parsed.hostname !== "127.0.0.1") {
    throw new ConfigurationError("A key set is read over https: alone: who changes it on the way can be anybody.");
  }
  return parsed;
}
