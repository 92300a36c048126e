import { LedgerRefusal } from "./refusal.ts";
import { canonicalScope, isScopePath } from "./scopes.ts";

/**
 * The scopes that a caller may act in, each with all beneath it (Cycles governance §ApiKey, scope_filter); everything of
 * its tenant when absent.
 */
export type ScopeFilter = readonly string[];

/**
 * @param patterns scope paths, whose names may be `*`: `"workspace:eng"`, `"tenant:acme/agent:*"`. One that names no tenant
 * is of the caller's own.
 * @throws LedgerRefusal INVALID_REQUEST for a pattern that is none, or of another tenant.
 */
export function scopeFilterOf(tenant: string, patterns: readonly string[]): ScopeFilter {
  const own = canonicalScope(`tenant:${tenant}`);
  if (patterns.length === 0) throw invalid("scopeFilter names no scope; leave it out for the whole tenant.");
  return patterns.map((pattern) => {
    const text = canonicalScope(pattern);
    const path = text.startsWith("tenant:") ? text : `${own}/${text}`;
    if (!isScopePath(path.replaceAll(/:\*(?=\/|$)/g, ":any"))) {
      throw invalid(`"${pattern}" is no scope; write "workspace:eng" or "agent:*".`);
    }
    if (path === own || path.startsWith(`${own}/`)) return path;
    throw invalid(`"${pattern}" is not of the tenant ${tenant}.`);
  });
}

/** Whether a scope path is one of the filter's or lies beneath one. A path that leaves the tenant out is within none. */
export function isWithin(filter: ScopeFilter | undefined, path: string): boolean {
  if (filter === undefined) return true;
  const segments = path.split("/");
  return filter.some((pattern) => {
    const wanted = pattern.split("/");
    return wanted.length <= segments.length && wanted.every((segment, at) => fits(segment, segments[at] ?? ""));
  });
}

/** @throws LedgerRefusal FORBIDDEN. */
export function assertWithin(filter: ScopeFilter | undefined, path: string): void {
  if (isWithin(filter, path)) return;
  throw new LedgerRefusal("FORBIDDEN", `The caller may not act in ${path}; its scopes are ${filter?.join(", ")}.`);
}

function fits(wanted: string, found: string): boolean {
  return wanted.endsWith(":*") ? found.startsWith(wanted.slice(0, -1)) : wanted === found;
}

function invalid(message: string): LedgerRefusal {
  return new LedgerRefusal("INVALID_REQUEST", message);
}
