import { ConfigurationError } from "@imprest/core";
import { type RiskClass, riskClasses } from "./action-kinds.ts";
import { type QuotaWindow, quotaWindows } from "./quota-window.ts";
import { type Scopes, canonicalScope, isScopePath } from "./scopes.ts";

interface Quota {
  readonly maxCalls: number;
  readonly window: QuotaWindow;
  /** The share of `maxCalls` at which `quota.threshold_approaching` is emitted: 0.01 to 0.99; 0.8 when absent. */
  readonly threshold?: number | undefined;
  /** How long a `per_run` counter outlives its last call: 60,000 to 604,800,000 ms; one day when absent. */
  readonly runCounterTtlMs?: number | undefined;
}

/** How often a kind of action may be reserved (Cycles action kinds §ActionQuota). */
export interface ActionQuota extends Quota {
  readonly actionKind: string;
  /** Counts only requests whose policy key is on the list; one without the key is not counted. */
  readonly hosts?: readonly string[] | undefined;
  readonly recipientDomains?: readonly string[] | undefined;
  readonly resourceTypes?: readonly string[] | undefined;
}

/** How often all kinds of a risk class together may be reserved (Cycles action kinds §RiskClassQuota). */
export interface RiskClassQuota extends Quota {
  readonly riskClass: RiskClass;
}

/** What kinds of action the scopes of a pattern may take, and how often (Cycles governance v0.1.26 §PolicyExtension). */
export interface ActionPolicy {
  readonly id: string;
  /** `tenant:acme` (that scope), `tenant:acme/*` (all beneath it), `agent:*` (all agents); in whatever case. */
  readonly scopePattern: string;
  /** Of several policies that match, the one of the highest priority alone counts; 0 when absent. */
  readonly priority?: number | undefined;
  readonly allowedActionKinds?: readonly string[] | undefined;
  readonly deniedActionKinds?: readonly string[] | undefined;
  readonly actionQuotas?: readonly ActionQuota[] | undefined;
  readonly riskClassQuotas?: readonly RiskClassQuota[] | undefined;
}

/** The policies in the order in which they are asked. @throws ConfigurationError naming what cannot be used. */
export function orderPolicies(policies: readonly ActionPolicy[]): readonly ActionPolicy[] {
  const ids = new Set<string>();
  for (const policy of policies) {
    const { id, scopePattern, priority = 0, actionQuotas = [], riskClassQuotas = [] } = policy;
    if (id === "" || ids.has(id)) throw wrong(id, "needs an id of its own");
    ids.add(id);
    checkMembers(id, policy, policyMembers);
    if (!isScopePattern(scopePattern)) {
      throw wrong(id, `has a scopePattern "${scopePattern}" that matches nothing; write one such as "tenant:acme/*"`);
    }
    if (!Number.isSafeInteger(priority) || priority < 0) throw wrong(id, "needs a whole priority, zero or more");
    for (const quota of actionQuotas) checkMembers(id, quota, actionQuotaMembers);
    for (const quota of riskClassQuotas) checkMembers(id, quota, riskClassQuotaMembers);
    for (const quota of [...actionQuotas, ...riskClassQuotas]) checkQuota(id, quota);
    for (const { riskClass } of riskClassQuotas) {
      if (!riskClasses.includes(riskClass)) throw wrong(id, `knows no risk class ${riskClass}`);
    }
  }
  return policies.toSorted((one, other) => (other.priority ?? 0) - (one.priority ?? 0));
}

const policyMembers: ReadonlySet<string> = new Set<keyof ActionPolicy>([
  "id",
  "scopePattern",
  "priority",
  "allowedActionKinds",
  "deniedActionKinds",
  "actionQuotas",
  "riskClassQuotas",
]);
const quotaMembers = ["maxCalls", "window", "threshold", "runCounterTtlMs"] as const;
const actionQuotaMembers: ReadonlySet<string> = new Set<keyof ActionQuota>([
  ...quotaMembers,
  "actionKind",
  "hosts",
  "recipientDomains",
  "resourceTypes",
]);
const riskClassQuotaMembers: ReadonlySet<string> = new Set<keyof RiskClassQuota>([...quotaMembers, "riskClass"]);

/** A member that is misspelt restricts nothing. */
function checkMembers(id: string, given: object, known: ReadonlySet<string>): void {
  const surplus = Object.keys(given).find((name) => !known.has(name));
  if (surplus !== undefined) throw wrong(id, `has a member "${surplus}", which means nothing`);
}

/** A path whose names may be `*`, and whose end may be `/*`: a star that ends a name would match no scope. */
function isScopePattern(text: string): boolean {
  const path = text.endsWith("/*") ? text.slice(0, -2) : text;
  return isScopePath(path.replaceAll(/:\*(?=\/|$)/g, ":any"));
}

function checkQuota(id: string, { maxCalls, window, threshold = 0.8, runCounterTtlMs = 60_000 }: Quota): void {
  if (!Number.isSafeInteger(maxCalls) || maxCalls < 0) throw wrong(id, "needs whole maxCalls, zero or more");
  if (!quotaWindows.includes(window)) throw wrong(id, `needs a window out of ${quotaWindows.join(", ")}`);
  if (!(threshold >= 0.01 && threshold <= 0.99)) throw wrong(id, "needs a threshold from 0.01 to 0.99");
  if (!Number.isSafeInteger(runCounterTtlMs) || runCounterTtlMs < 60_000 || runCounterTtlMs > 604_800_000) {
    throw wrong(id, "needs runCounterTtlMs from 60000 to 604800000");
  }
}

function wrong(id: string, what: string): ConfigurationError {
  return new ConfigurationError(`actionPolicies: the policy "${id}" ${what}.`);
}

/** The one policy that counts for a request (Cycles v0.1.26 §MULTI-POLICY SEMANTICS). */
export function policyFor(policies: readonly ActionPolicy[], scopes: Scopes): ActionPolicy | undefined {
  return policies.find(({ scopePattern }) => matches(scopePattern, scopes));
}

function matches(pattern: string, { path }: Scopes): boolean {
  const wanted = canonicalScope(pattern).split("/");
  const found = path.split("/");
  const isSubtree = wanted.at(-1) === "*";
  if (isSubtree) wanted.pop();
  // A pattern that does not begin with a tenant is one of any tenant.
  const offset = wanted[0]?.startsWith("tenant:") ? 0 : found.findIndex((segment) => fits(wanted[0] ?? "", segment));
  if (offset < 0) return false;
  const end = offset + wanted.length;
  if (isSubtree ? found.length <= end : found.length !== end) return false;
  return wanted.every((segment, at) => fits(segment, found[offset + at] ?? ""));
}

function fits(wanted: string, found: string): boolean {
  return wanted.endsWith(":*") ? found.startsWith(wanted.slice(0, -1)) : wanted === found;
}
