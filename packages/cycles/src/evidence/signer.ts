import { hex, parseHex, utf8 } from "@imprest/core/internal";
import { type Jwk, type KeyWindow, type PublicJwk, publicKeyToJwk, sha256Hex } from "@imprest/core/audit";

/** Who signed, as `signer_did` names them (Cycles evidence §signer_did). */
export type EvidenceSigner =
  | { readonly form: "key"; readonly publicKey: Uint8Array }
  | { readonly form: "did"; readonly serverHash: string; readonly kid: string };

const didPattern = /^did:cycles:([0-9a-f]{64})#(.+)$/s;

/** Reads both forms of `signer_did`; `undefined` for any other text. */
export function parseEvidenceSigner(signerDid: string): EvidenceSigner | undefined {
  const publicKey = /^[0-9a-f]{64}$/.test(signerDid) ? parseHex(signerDid) : undefined;
  if (publicKey !== undefined) return { form: "key", publicKey };
  const [, serverHash, kid] = didPattern.exec(signerDid) ?? [];
  return serverHash === undefined || kid === undefined ? undefined : { form: "did", serverHash, kid };
}

/** The `signer_did` of a key: its hex, or `did:cycles:…#kid` when it is published under a kid. */
export async function evidenceSignerDid(serverId: string, publicKey: Uint8Array, kid?: string): Promise<string> {
  return kid === undefined ? hex(publicKey) : `did:cycles:${await serverHash(serverId)}#${kid}`;
}

/** SHA-256 of the server id's exact bytes, never normalised (Cycles evidence, "server_id hash input"). */
export function serverHash(serverId: string): Promise<string> {
  return sha256Hex(utf8(serverId));
}

/**
 * Where a server publishes its keys: below its id, not at the root of its origin, whose owner may be another
 * (Cycles evidence §CyclesEvidenceJwks).
 */
export function evidenceJwksUrl(serverId: string): string {
  return `${serverId.replace(/\/$/, "")}/.well-known/cycles-jwks.json`;
}

/** A signing key as a server publishes it (Cycles evidence §CyclesEvidenceJwk). */
export interface EvidenceJwk extends PublicJwk {
  readonly kid: string;
  readonly alg: "EdDSA";
  /** Epoch milliseconds, inclusive. */
  readonly cycles_nbf_ms: number;
  /** Epoch milliseconds, exclusive; `null` while the key is in use. */
  readonly cycles_exp_ms: number | null;
  /** For readers; no verifier selects by it. */
  readonly status: "active" | "retired";
}

/**
 * The entry of a key in the server's JWK Set. A retired key stays in the set with its end: what it signed must verify.
 * @throws ValidationError for bytes that are no sound public key.
 */
export function evidenceJwk(
  publicKey: Uint8Array,
  kid: string,
  window: KeyWindow & { readonly notBeforeMs: number },
): EvidenceJwk {
  const { notBeforeMs, notAfterMs } = window;
  return {
    ...publicKeyToJwk(publicKey),
    kid,
    alg: "EdDSA",
    cycles_nbf_ms: notBeforeMs,
    cycles_exp_ms: notAfterMs ?? null,
    status: notAfterMs === undefined ? "active" : "retired",
  };
}

/** The window of a published key; `undefined` makes it no candidate ("Deterministic selection"). */
export function evidenceKeyWindow(jwk: Jwk): KeyWindow | undefined {
  const { alg, cycles_nbf_ms: notBeforeMs, cycles_exp_ms: notAfterMs = null } = jwk;
  if (alg !== undefined && alg !== "EdDSA") return undefined;
  if (!isWhole(notBeforeMs) || !(notAfterMs === null || isWhole(notAfterMs))) return undefined;
  return { notBeforeMs, notAfterMs: notAfterMs ?? undefined };
}

function isWhole(value: unknown): value is number {
  return Number.isInteger(value);
}
