import { ImprestError } from "../errors/imprest-error.ts";
import { type Transport, send } from "../http/index.ts";
import type { Clock } from "../platform/clock.ts";
import type { KeyProblem } from "./key-lookup.ts";
import { type KeySet, createKeySet } from "./key-set.ts";
import { parseStrictJson } from "./strict-json.ts";

/** How key sets are fetched. */
export interface JwksSource {
  readonly transport: Transport;
  readonly clock: Clock;
  readonly timeoutMs: number;
  readonly maxBytes: number;
  readonly maxKeys: number;
}

/** Fetches one JWK Set. Never rejects. */
export async function fetchJwks(
  url: URL,
  { transport, clock, timeoutMs, maxBytes, maxKeys }: JwksSource,
): Promise<{ readonly set: KeySet } | { readonly problem: KeyProblem }> {
  const request = {
    method: "GET",
    url: url.href,
    headers: { accept: "application/jwk-set+json, application/json" },
  } as const;
  let body: string;
  try {
    const response = await send(transport, request, { timeoutMs, maxResponseBytes: maxBytes, clock });
    if (response.status !== 200) return problem("jwks_http_status", `was answered with status ${response.status}.`);
    body = response.body;
  } catch (error) {
    return problem("jwks_unreachable", `could not be fetched: ${reasonOf(error)}`);
  }
  try {
    // Read as doubles: a key set is not signed, and its window members may be any integer.
    return { set: createKeySet(parseStrictJson(body, { numbers: "double", maxBytes }), { maxKeys }) };
  } catch (error) {
    return problem("jwks_malformed", `is not a usable JWK Set: ${reasonOf(error)}`);
  }
}

function problem(code: string, what: string): { readonly problem: KeyProblem } {
  return { problem: { code, message: `The signer's key set ${what}` } };
}

function reasonOf(error: unknown): string {
  return ImprestError.isInstance(error) ? error.message : "an unexpected failure";
}
