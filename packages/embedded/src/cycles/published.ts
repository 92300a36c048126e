import { stringifyJson } from "@imprest/core/internal";
import type { Attestor } from "../evidence/attestor.ts";
import { Refused } from "./refused.ts";

/** A document that anyone may read, as it is sent. */
export interface PublishedDocument {
  readonly text: string;
  readonly cacheControl: string;
}

const evidencePath = "/v1/evidence/";
export const jwksPath = "/v1/.well-known/cycles-jwks.json";

/** Whether a path is one that anyone may read without a key. */
export function isPublic(path: string): boolean {
  return path === jwksPath || path.startsWith(evidencePath);
}

/**
 * The document at a public path: an envelope, whose id is the capability to read it (Cycles §getEvidence), or the
 * signing keys (Cycles §getEvidenceJwks).
 * @throws Refused 400 for an id that is none, 404 for one that is unknown or forgotten, 405 for another method.
 */
export async function publishedDocument(evidence: Attestor, method: string, path: string): Promise<PublishedDocument> {
  if (method !== "GET") {
    throw new Refused("INVALID_REQUEST", "The document takes GET.", { status: 405, headers: { Allow: "GET" } });
  }
  if (path === jwksPath) {
    return { text: stringifyJson(await evidence.jwks()), cacheControl: "public, max-age=60" };
  }
  const id = path.slice(evidencePath.length);
  if (!/^[0-9a-f]{64}$/.test(id)) {
    throw new Refused("INVALID_REQUEST", "The evidence id must be 64 lower-case hex digits.");
  }
  const text = evidence.envelope(id);
  if (text === undefined) throw new Refused("NOT_FOUND", "There is no such evidence, or it is no longer kept.");
  return { text, cacheControl: "public, max-age=31536000, immutable" };
}
