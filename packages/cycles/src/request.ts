import { type ReserveRequest, ValidationError } from "@imprest/core";
import { parseWire } from "@imprest/core/internal";
import {
  type ActionPolicyKeys,
  type CommitOveragePolicy,
  type ReservationCreateRequest,
  type Subject,
  commitOveragePolicy,
  gracePeriod,
  requestActionPolicyKeys,
  ttl,
} from "@imprest/core/models/cycles";

/** What only Cycles knows about a reservation; the wire's own defaults apply to what is absent. */
export interface CyclesTerms {
  /** What becomes of a commit beyond the reserve; ALLOW_IF_AVAILABLE when absent. */
  readonly overage_policy?: CommitOveragePolicy | undefined;
  /** How long after the expiry a commit is still taken, in milliseconds; 5000 when absent. */
  readonly grace_period_ms?: number | undefined;
  /** What a policy may go by besides the action's kind (v0.1.26). */
  readonly policy_keys?: ActionPolicyKeys | undefined;
}

/** What a `ReserveRequest<CyclesExtensions>` may say to Cycles alone. */
export type CyclesExtensions = { readonly cycles: Pick<CyclesTerms, keyof CyclesTerms> };

/** Defaults of every request of one authority. */
export interface RequestDefaults {
  readonly subject: Subject | undefined;
  readonly ttlMs: number;
  readonly terms: CyclesTerms;
}

/** The neutral request with every default filled in. */
export type CompleteRequest = ReserveRequest & { readonly subject: Subject; readonly ttlMs: number };

/** @throws ValidationError when neither the request nor the configuration names a subject. */
export function complete(request: ReserveRequest, defaults: RequestDefaults): CompleteRequest {
  const subject = mergeSubjects(defaults.subject, request.subject);
  return { ...request, subject, ttlMs: request.ttlMs ?? defaults.ttlMs };
}

/** The wire's request, without its key. @throws ValidationError for terms that Cycles does not know. */
export function toWire(
  request: CompleteRequest,
  defaults: RequestDefaults,
): Omit<ReservationCreateRequest, "idempotency_key" | "dry_run"> {
  const terms = termsOf(request, defaults);
  const { overage_policy, grace_period_ms } = terms;
  return {
    subject: request.subject,
    action: actionOf(request, terms),
    estimate: request.estimate,
    ttl_ms: request.ttlMs,
    grace_period_ms,
    overage_policy,
    metadata: request.metadata,
  };
}

/** The wire requires a name; a kind is one (Cycles §Action). */
export function actionOf({ action }: ReserveRequest, { policy_keys }: CyclesTerms): ReservationCreateRequest["action"] {
  const { kind, name = kind, tags } = action;
  return { kind, name, tags, policy_keys };
}

/** The terms of one request: its own (`extensions.cycles`) over the configured ones. */
export function termsOf(request: ReserveRequest, defaults: RequestDefaults): CyclesTerms {
  const own = request.extensions?.["cycles"];
  return own === undefined ? defaults.terms : { ...defaults.terms, ...checkTerms(own) };
}

function checkTerms(terms: Readonly<Record<string, unknown>>): CyclesTerms {
  const { overage_policy: policy, grace_period_ms: grace, policy_keys: keys, ...others } = terms;
  const [unknown] = Object.keys(others);
  if (unknown !== undefined) {
    const message = "is no term of a Cycles reservation; there are overage_policy, grace_period_ms and policy_keys";
    throw new ValidationError("reserve", [{ pointer: `/extensions/cycles/${unknown}`, message }]);
  }
  return {
    ...(policy !== undefined && { overage_policy: parseWire(commitOveragePolicy, policy, "overage_policy") }),
    ...(grace !== undefined && { grace_period_ms: parseWire(gracePeriod, grace, "grace_period_ms") }),
    ...(keys !== undefined && { policy_keys: parseWire(requestActionPolicyKeys, keys, "policy_keys") }),
  };
}

/** Level by level; dimensions likewise. */
export function mergeSubjects(fallback: Subject | undefined, own: Subject | undefined): Subject {
  if (own === undefined && fallback === undefined) {
    const message = "names nobody; give the request or the client a subject, such as { tenant }";
    throw new ValidationError("reserve", [{ pointer: "/subject", message }]);
  }
  // The configured one was checked and frozen when the client was made.
  if (own === undefined && fallback !== undefined) return fallback;
  if (own === undefined || fallback === undefined) return withoutUndefined(own ?? {});
  const dimensions = { ...fallback.dimensions, ...own.dimensions };
  const merged = { ...withoutUndefined(fallback), ...withoutUndefined(own) };
  return Object.keys(dimensions).length === 0 ? merged : { ...merged, dimensions };
}

function withoutUndefined(subject: Subject): Subject {
  return Object.fromEntries(Object.entries(subject).filter(([, value]) => value !== undefined));
}

/** @throws ValidationError naming the option. */
export function checkDefaults(ttlMs: number, terms: CyclesTerms): Omit<RequestDefaults, "subject"> {
  return { ttlMs: parseWire(ttl, ttlMs, "ttlMs"), terms: checkTerms({ ...terms }) };
}
