import { usdMicrocents } from "@imprest/core";
import { hex, utf8 } from "@imprest/core/internal";
import {
  type Ed25519KeyPair,
  type JsonObject,
  type RemoteKeySetOptions,
  canonicalize,
  createRemoteKeySet,
  keyPairFromSeed,
  parseStrictJson,
  sha256Hex,
  signEd25519,
} from "@imprest/core/audit";
import type { EvidencePayload } from "@imprest/core/models/cycles";
import { type EvidenceIssuer, evidenceJwk, evidenceJwksUrl, signEvidence } from "../../src/evidence/index.ts";

export const serverId = "https://cycles.example/v1";

/** Key pairs that are the same in every run. */
export function keyPair(seed: number): Promise<Ed25519KeyPair> {
  return keyPairFromSeed(new Uint8Array(32).fill(seed));
}

export const commitPayload: EvidencePayload = {
  commit: {
    reservation_id: "rsv_1",
    request: { idempotency_key: "key-1", actual: usdMicrocents(1_750_000n) },
    response: { status: "COMMITTED", charged: usdMicrocents(1_750_000n), released: usdMicrocents(250_000n) },
  },
};

/** A signed commit of `issuer`. */
export async function commitEvidence(issuer: EvidenceIssuer, issuedAtMs: number): Promise<string> {
  return (await signEvidence({ payload: commitPayload, issuedAtMs }, issuer)).text;
}

/**
 * Signs whatever it is given, also what `signEvidence` refuses: the content id and the signature are right, so only the
 * content can be found wrong.
 */
export async function signAnything(text: string, change: (envelope: JsonObject) => void, seed = 1): Promise<string> {
  const envelope = parseStrictJson(text, { numbers: "double" }) as JsonObject;
  const pair = await keyPair(seed);
  envelope["signer_did"] = hex(pair.publicKey);
  change(envelope);
  const bytes = (id: string): Uint8Array => utf8(canonicalize({ ...envelope, evidence_id: id, signature: "" }));
  const evidenceId = await sha256Hex(bytes(""));
  const signature = hex(await signEd25519(pair.privateKey, bytes(evidenceId)));
  return canonicalize({ ...envelope, evidence_id: evidenceId, signature });
}

/** Keys of `serverId`, from memory. */
export function keysOf(jwks: readonly object[], options: Partial<RemoteKeySetOptions> = {}) {
  return createRemoteKeySet({
    trustedOrigins: [],
    bundle: { [evidenceJwksUrl(serverId)]: { keys: jwks } },
    ...options,
  });
}

export { evidenceJwk };
