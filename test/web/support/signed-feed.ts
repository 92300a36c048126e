import { type EventSigner, signAuditEvent } from "@imprest/asp/audit";
import { type JsonObject, type PublicJwk, keyPairFromSeed, publicKeyToJwk } from "@imprest/core/audit";

export const issuer = "https://authority.example";
const seed = new Uint8Array(32).fill(7);
export const signer: EventSigner = {
  source: `${issuer}/asp/acme`,
  typePrefix: "org.agentspend",
  kid: "explorer-1",
  privateKey: seed,
};
const { publicKey } = await keyPairFromSeed(seed);
const jwk: PublicJwk = publicKeyToJwk(publicKey, signer.kid);

/** The issuer's published keys. */
export const jwks = { keys: [jwk] };

const startMs = Date.parse("2026-06-01T12:00:00.000Z");

export function decisionId(at: number): string {
  return `018f6b2e-7c1a-7000-8000-${String(at).padStart(12, "0")}`;
}

/** One event of decision `at`, signed; `step` numbers the events of the feed. */
export function event(at: number, step: number, suffix: string, data: JsonObject = {}): Promise<string> {
  const atMs = startMs + step * 10;
  const common = { decision_id: decisionId(at), runtime_metadata: { feed_sequence: step } };
  const reservation = suffix === "reserve" ? {} : { reservation_id: `r-${at}` };
  return signAuditEvent(suffix, { ...common, ...reservation, ...data }, signer, atMs, `${suffix}-${at}`);
}

/** A reserve of 1,000 tokens, and the commit of 700 that ends it. */
export async function decision(at: number, budget = "team"): Promise<readonly [reserve: string, commit: string]> {
  const granted = { budget_id: budget, unit: "output_token", decision: "ALLOW", amount_atomic_reserved: "1000" };
  const ttl = new Date(startMs + at * 20 + 600_000).toISOString();
  return [
    await event(at, at * 2 + 1, "reserve", { ...granted, ttl_expires_at: ttl }),
    await event(at, at * 2 + 2, "commit", { amount_atomic_observed: "700", refund_amount_atomic: "300" }),
  ];
}

/** A feed of so many events of settled decisions, in their order and numbered. */
export async function feedOf(events: number): Promise<readonly string[]> {
  const lines: string[] = [];
  for (let at = 0; lines.length < events; at += 1) lines.push(...(await decision(at)));
  return lines;
}
