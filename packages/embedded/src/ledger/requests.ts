import { type Action, type Amount, type Metadata, type Metrics, type Subject } from "@imprest/core";
import { int64Max, stringifyJson, utf8 } from "@imprest/core/internal";
import { type ChargePolicy, chargePolicies } from "./overage-policy.ts";
import { LedgerRefusal } from "./refusal.ts";
import type { ScopeFilter } from "./scope-filter.ts";

/** Who calls, from whoever authenticated the caller. */
export interface Calling {
  /** The effective tenant. */
  readonly tenant: string;
  /** The scopes that the caller may act in. */
  readonly within?: ScopeFilter | undefined;
}

/** What every request that spends says. */
export interface SpendRequest extends Calling {
  readonly idempotencyKey: string;
  readonly subject: Subject;
  readonly action: Action;
  readonly metadata?: Metadata | undefined;
}

/** What a policy may go by besides the kind of an action (Cycles action kinds §ActionPolicyKeys). */
export interface PolicyKeys {
  /** A host name without scheme and port: `api.sendgrid.com`. */
  readonly host?: string | undefined;
  readonly recipientDomain?: string | undefined;
  readonly resourceType?: string | undefined;
  readonly pathPrefix?: string | undefined;
  readonly custom?: Readonly<Record<string, string>> | undefined;
}

export interface DecideRequest extends SpendRequest {
  readonly action: Action & { readonly policyKeys?: PolicyKeys | undefined };
  readonly estimate: Amount;
}

export interface LedgerReserveRequest extends DecideRequest {
  /** 1,000 to 86,400,000 milliseconds; 60,000 when absent. */
  readonly ttlMs?: number | undefined;
  /** 0 to 60,000 milliseconds; 5,000 when absent. */
  readonly graceMs?: number | undefined;
  readonly overagePolicy?: ChargePolicy | undefined;
  /** Nothing may extend it: when it ends was promised elsewhere. */
  readonly hasFixedLease?: boolean | undefined;
}

export interface SettleRequest extends Calling {
  readonly reservationId: string;
  readonly idempotencyKey: string;
}

export interface CommitRequest extends SettleRequest {
  readonly actual: Amount;
  readonly metrics?: Metrics | undefined;
  readonly metadata?: Metadata | undefined;
}

export interface ReleaseRequest extends SettleRequest {
  readonly reason?: string | undefined;
}

export interface ExtendRequest extends SettleRequest {
  /** 1 to 86,400,000 milliseconds from the expiry as it stands. */
  readonly byMs: number;
  readonly metadata?: Metadata | undefined;
}

export interface EventRequest extends SpendRequest {
  readonly actual: Amount;
  readonly overagePolicy?: ChargePolicy | undefined;
  readonly metrics?: Metrics | undefined;
  readonly clientTimeMs?: number | undefined;
}

/** The most a lease may reach ahead, and the spec's ceiling for `ttl_ms` and `extend_by_ms`: one day. */
export const longestLeaseMs = 86_400_000;

/** @throws LedgerRefusal INVALID_REQUEST, FORBIDDEN for a subject of another tenant (Cycles §AUTH & TENANCY). */
export function checkSpend({ tenant, idempotencyKey, subject, action }: SpendRequest): void {
  checkIdempotencyKey(idempotencyKey);
  if (subject.tenant !== undefined && subject.tenant !== tenant) {
    throw new LedgerRefusal("FORBIDDEN", "The subject names a tenant that the caller does not act for.");
  }
  checkDimensions(subject.dimensions);
  checkText(action.kind, "action.kind", 1, 64);
  if (action.name !== undefined) checkText(action.name, "action.name", 1, 256);
  if (action.tags === undefined) return;
  if (action.tags.length > 10) throw invalid("action.tags must have at most 10 tags.");
  for (const tag of action.tags) checkText(tag, "action.tags", 0, 64);
}

export function checkIdempotencyKey(key: unknown): void {
  checkText(key, "The idempotency key", 1, 256);
}

/** @throws LedgerRefusal INVALID_REQUEST for an amount that is negative or outside int64 (Cycles §Amount). */
export function checkAmount({ unit, amount }: Amount, what: string): void {
  if (typeof unit !== "string" || unit === "") throw invalid(`${what} names no unit.`);
  if (typeof amount !== "bigint" || amount < 0n || amount > int64Max) {
    throw invalid(`${what} must be a whole number from 0 to ${int64Max}.`);
  }
}

export function checkDuration(value: number, what: string, least: number, most: number): void {
  if (Number.isSafeInteger(value) && value >= least && value <= most) return;
  throw invalid(`${what} must be a whole number of milliseconds from ${least} to ${most}.`);
}

export function checkPolicy(policy: string): void {
  if (chargePolicies.some((known) => known === policy)) return;
  throw invalid(`The overage policy must be one of ${chargePolicies.join(", ")}.`);
}

export function checkText(value: unknown, what: string, least: number, most: number): void {
  if (typeof value === "string" && value.length >= least && hasAtMost(value, most)) return;
  throw invalid(`${what} must be a text of ${least} to ${most} characters.`);
}

/**
 * @returns how many bytes metadata takes as JSON; what is remembered of a request is as large as this and a kilobyte.
 * @throws LedgerRefusal INVALID_REQUEST for more than `most`.
 */
export function checkMetadata(metadata: Metadata | undefined, most: number): number {
  if (metadata === undefined) return 0;
  const text = stringifyJson(metadata);
  const bytes = text.length > most ? text.length : utf8(text).length;
  if (bytes <= most) return bytes;
  throw invalid(`metadata is larger than ${most} bytes; refer to what is large instead.`);
}

/** Code points are counted, as JSON Schema does. */
function hasAtMost(text: string, most: number): boolean {
  return text.length <= most || (text.length <= 2 * most && Array.from(text).length <= most);
}

function checkDimensions(dimensions: Subject["dimensions"]): void {
  if (dimensions === undefined) return;
  const entries = Object.entries(dimensions);
  if (entries.length > 16) throw invalid("subject.dimensions must have at most 16 members.");
  for (const [name, value] of entries) {
    if (!/^[a-z0-9_.-]{1,256}$/.test(name)) throw invalid("subject.dimensions has a name outside a-z, 0-9, and _ . -");
    checkText(value, "A dimension", 0, 256);
  }
}

function invalid(message: string): LedgerRefusal {
  return new LedgerRefusal("INVALID_REQUEST", message);
}
