import { type JsonObject, keyPairFromSeed, publicKeyToJwk, signAuditEvent } from "@imprest/core/audit";
import type { AuditSuffix } from "@imprest/core/models/asp";
import { type AuditTrust, createAuditTrust } from "../../src/audit/index.ts";
import type { PromisedEvent } from "../../src/index.ts";

export const origin = "https://authority.example";
export const graceWindowMs = 30_000;
const startMs = Date.parse("2026-06-01T12:00:00Z");
const ttlMs = 60_000;
const keys = {
  current: { kid: "current", privateKey: new Uint8Array(32).fill(1) },
  retired: { kid: "retired", privateKey: new Uint8Array(32).fill(2) },
};

/** One event of an authority, before it is numbered and signed. */
export interface Told {
  /** What stands for it in a lie, such as `c1`: the commit of the first decision. */
  readonly slot: string;
  readonly suffix: AuditSuffix;
  readonly decision: string;
  readonly data: JsonObject;
  readonly atMs: number;
  readonly id: string;
  readonly source: string;
  readonly key: keyof typeof keys;
  /** Absent: numbered in its place. */
  readonly number?: number | undefined;
}

/** What a caller asked and was answered, beside the event of its slot. */
export type Asked = Omit<PromisedEvent, "signature"> & { readonly slot: string };

export interface Books {
  readonly told: readonly Told[];
  readonly asked: readonly Asked[];
}

/** Amounts of the honest books, drawn by the test. */
export interface Drawn {
  /** Of every reserve; at least 10. */
  readonly reserved: number;
  /** Of commits within their reserve: more than 1 and less than reserved. */
  readonly observed: number;
  /** Beyond the reserve; at least 1. */
  readonly over: number;
}

/** Ten decisions, one of each outcome of the draft, and an eleventh an hour later. */
export function honestBooks({ reserved, observed, over }: Drawn): Books {
  const told: Told[] = [];
  const asked: Asked[] = [];
  const beyond = reserved + over;
  for (let at = 1; at <= 11; at += 1) {
    const fromMs = startMs + (at === 11 ? 3_600_000 : at * 200_000);
    const tell = (letter: string, suffix: AuditSuffix, afterMs: number, data: JsonObject): void => {
      told.push(event(`${letter}${at}`, suffix, fromMs + afterMs, data));
    };
    const ask = (letter: string, verb: PromisedEvent["verb"], amount?: number, more: Partial<Asked> = {}): void => {
      const amountAtomic = amount === undefined ? {} : { amountAtomic: String(amount) };
      const about = { reservationId: reservationOf(at), idempotencyKey: `${letter}-key-${at}`, ...amountAtomic };
      asked.push({ slot: `${letter}${at}`, verb, ...about, ...more });
    };
    const of = { reservation_id: reservationOf(at) };
    const commit = (amount: number, data: JsonObject, afterMs = 1_000): void => {
      tell("c", "commit", afterMs, { ...of, amount_atomic_observed: String(amount), ...data });
      ask("c", "commit", amount);
    };
    const expire = (): void =>
      tell("t", "ttl_expired", ttlMs + 1, {
        ...of,
        ttl_expires_at: iso(fromMs + ttlMs),
        capacity_returned_atomic: String(reserved),
      });
    const isDenied = at === 9;
    const granted = { decision: "ALLOW", ttl_expires_at: iso(fromMs + ttlMs), ...of };
    tell("r", "reserve", 0, {
      budget_id: "team",
      unit: "output_token",
      amount_atomic_reserved: String(reserved),
      ...(isDenied ? { decision: "DENY" } : granted),
    });
    if (isDenied) ask("r", "reserve", reserved, { reservationId: undefined });
    else ask("r", "reserve", reserved, { ttlExpiresAt: iso(fromMs + ttlMs) });
    const overage = {
      ...of,
      amount_atomic_observed: String(beyond),
      amount_atomic_reserved: String(reserved),
      overage_amount_atomic: String(over),
    };
    switch (at) {
      case 2:
        commit(observed, { refund_amount_atomic: String(reserved - observed) });
        tell("f", "refund", 5_000, {
          ...of,
          amount_atomic_refunded: "1",
          original_commit_event_id: idOf("c2"),
        });
        ask("f", "refund", 1);
        break;
      case 3:
        tell("x", "release", 1_000, of);
        ask("x", "release");
        break;
      case 4:
        expire();
        tell("l", "late_commit", ttlMs + 9_000, {
          ...of,
          amount_atomic_observed: String(observed),
          grace_window_ms_used: 9_000,
        });
        ask("l", "commit", observed);
        break;
      case 5:
        commit(beyond, { charge_amount_atomic: String(over) });
        tell("o", "overage_charged", 1_000, { ...overage, policy: "charge_overage" });
        break;
      case 6:
        tell("q", "overage_rejected", 1_000, overage);
        break;
      case 7:
        expire();
        tell("g", "reconciliation_gap", ttlMs + graceWindowMs + 9_000, {
          ...of,
          amount_atomic_observed: String(observed),
          time_past_grace_ms: 9_000,
        });
        break;
      case 8:
        expire();
        break;
      case 9:
        break;
      case 10:
        commit(reserved, { exact_match: true });
        tell("p", "replay_rejected", 2_000, { ...of, idempotency_key: "other", conflict_field: "idempotency_key" });
        break;
      default:
        commit(reserved, { exact_match: true });
    }
  }
  return { told, asked };
}

function event(slot: string, suffix: AuditSuffix, atMs: number, data: JsonObject): Told {
  const decision = decisionOf(Number(slot.slice(1)));
  return { slot, suffix, decision, data, atMs, id: idOf(slot), source: `${origin}/asp/acme`, key: "current" };
}

export const idOf = (slot: string): string => `event-${slot}`;
export const reservationOf = (at: number): string => `reservation-${at}`;
export const decisionOf = (at: number): string => `018f6b2e-7c1a-7000-8000-${String(at).padStart(12, "0")}`;
export const iso = (ms: number): string => new Date(ms).toISOString();

/** Signs what was stated, numbered as it stands, and pins to each answer the signature of its event in the honest books. */
export async function publish(told: readonly Told[]): Promise<{ readonly line: string; readonly slot: string }[]> {
  return Promise.all(
    told.map(async ({ slot, suffix, decision, data, atMs, id, source, key, number }, at) => {
      const metadata = { ...(data["runtime_metadata"] as JsonObject | undefined), feed_sequence: number ?? at + 1 };
      const whole = { decision_id: decision, ...data, runtime_metadata: metadata };
      const signer = { source, typePrefix: "org.agentspend", ...keys[key] };
      return { slot, line: await signAuditEvent(suffix, whole, signer, atMs, id) };
    }),
  );
}

/** Trust in both keys; the retired one ended before the first event. */
export async function trustBoth(): Promise<AuditTrust> {
  const [current, retired] = await Promise.all(
    [keys.current, keys.retired].map(async ({ kid, privateKey }) =>
      publicKeyToJwk((await keyPairFromSeed(privateKey)).publicKey, kid),
    ),
  );
  const jwks = { keys: [current, { ...retired, exp: startMs / 1_000 }] };
  return createAuditTrust({ origins: [origin], jwks: { [origin]: jwks } });
}
