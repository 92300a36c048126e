import {
  type Action,
  type Amount,
  type Cap,
  type Metadata,
  type ReserveRequest,
  type Subject,
  ValidationError,
} from "@imprest/core";
import type { Caps } from "../ledger/caps.ts";
import { type OveragePolicy, overagePolicies } from "../ledger/overage-policy.ts";
import type { ScopeFilter } from "../ledger/scope-filter.ts";

/** What a reservation's terms are called on the Cycles wire, so that a request keeps them when its authority moves there. */
export interface Terms {
  readonly overage_policy?: OveragePolicy | undefined;
  readonly grace_period_ms?: number | undefined;
}

/** Defaults of every request of one in-process authority. */
export interface TenantDefaults {
  readonly tenant: string;
  /** The scopes that requests may act in. */
  readonly within: ScopeFilter;
  readonly subject: Subject;
  readonly ttlMs: number;
  readonly terms: Terms;
}

/** A neutral request with every default filled in, in the words of the ledger. */
export interface Complete {
  readonly tenant: string;
  readonly within: ScopeFilter;
  readonly subject: Subject;
  readonly action: Action;
  readonly estimate: Amount;
  readonly ttlMs: number;
  readonly graceMs: number | undefined;
  readonly overagePolicy: OveragePolicy | undefined;
  readonly metadata: Metadata | undefined;
}

/** @throws ValidationError for terms that are none. */
export function complete(request: ReserveRequest, defaults: TenantDefaults): Complete {
  const { overage_policy: overagePolicy, grace_period_ms: graceMs } = termsOf(request, defaults);
  const { kind, name = kind, tags } = request.action;
  return {
    tenant: defaults.tenant,
    within: defaults.within,
    subject: mergeSubjects(defaults.subject, request.subject),
    action: { kind, name, tags },
    estimate: request.estimate,
    ttlMs: request.ttlMs ?? defaults.ttlMs,
    graceMs,
    overagePolicy,
    metadata: request.metadata && copyOf(request.metadata),
  };
}

export function termsOf(request: ReserveRequest, { terms }: TenantDefaults): Terms {
  const own = request.extensions?.["cycles"];
  if (own === undefined) return terms;
  const {
    overage_policy: policy = terms.overage_policy,
    grace_period_ms: grace = terms.grace_period_ms,
    ...more
  } = own;
  const [unknown] = Object.keys(more);
  if (unknown !== undefined) throw unfit(unknown, "is no term of a reservation");
  const overage_policy = overagePolicies.find((known) => known === policy);
  if (policy !== undefined && overage_policy === undefined) {
    throw unfit("overage_policy", `must be one of ${overagePolicies.join(", ")}`);
  }
  if (grace !== undefined && typeof grace !== "number") throw unfit("grace_period_ms", "must be milliseconds");
  return { overage_policy, grace_period_ms: grace };
}

/** Each member is a cap of its own: the caller must honour all or none. */
export function capsOf(caps: Caps | undefined): Cap[] {
  return Object.entries(caps ?? {}).flatMap(([name, value]) => (value === undefined ? [] : { name, value }));
}

/** Level by level, a request's own over the configured; dimensions likewise. */
export function mergeSubjects(configured: Subject, own: Subject | undefined): Subject {
  if (own === undefined) return configured;
  const merged: Record<string, unknown> = { ...configured };
  for (const [name, value] of Object.entries(own)) if (value !== undefined) merged[name] = value;
  const dimensions = { ...configured.dimensions, ...own.dimensions };
  return Object.keys(dimensions).length === 0 ? merged : { ...merged, dimensions };
}

/** The ledger keeps it: what the caller does to its object afterwards must not reach the books. */
function copyOf(metadata: Metadata): Metadata {
  try {
    return structuredClone(metadata);
  } catch (cause) {
    throw new ValidationError("reserve", [{ pointer: "/metadata", message: "holds what JSON cannot carry" }], {
      cause,
    });
  }
}

function unfit(term: string, message: string): ValidationError {
  return new ValidationError("reserve", [{ pointer: `/extensions/cycles/${term}`, message }]);
}
