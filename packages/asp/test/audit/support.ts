import { keyPairFromSeed, publicKeyToJwk } from "@imprest/core/audit";
import { type AuditTrust, type EventSigner, createAuditTrust, signAuditEvent } from "../../src/audit/index.ts";

export const origin = "https://authority.example";
const seed = Uint8Array.from({ length: 32 }, (_, at) => at + 1);

export const signer: EventSigner = {
  source: `${origin}/asp`,
  typePrefix: "org.agentspend",
  kid: "k1",
  privateKey: seed,
};

export async function trustSigner(): Promise<AuditTrust> {
  const { publicKey } = await keyPairFromSeed(seed);
  return createAuditTrust({ origins: [origin], jwks: { [origin]: { keys: [publicKeyToJwk(publicKey, "k1")] } } });
}

export const startMs = Date.parse("2026-06-01T12:00:00Z");

export function decisionId(n: number): string {
  return `018f6b2e-7c1a-7000-8000-${String(n).padStart(12, "0")}`;
}

/** One signed line; `sequence` numbers it as the embedded authority does. */
export function line(
  suffix: Parameters<typeof signAuditEvent>[0],
  decision: number,
  data: Parameters<typeof signAuditEvent>[1],
  more: { readonly atMs?: number; readonly id?: string; readonly sequence?: number } = {},
): Promise<string> {
  const { atMs = startMs, id, sequence } = more;
  const numbered = sequence === undefined ? {} : { runtime_metadata: { feed_sequence: sequence } };
  return signAuditEvent(suffix, { decision_id: decisionId(decision), ...data, ...numbered }, signer, atMs, id);
}

export function reserveData(reserved = "1000", ttlMs = 600_000): Parameters<typeof signAuditEvent>[1] {
  return {
    budget_id: "team",
    unit: "output_token",
    amount_atomic_reserved: reserved,
    decision: "ALLOW",
    ttl_expires_at: new Date(startMs + ttlMs).toISOString(),
  };
}
