import type { ValidationIssue } from "@imprest/core";
import type { LeaseConstraints, WireLease } from "@imprest/core/models/arcp";
import { Capability, canonicalPattern, isCapability } from "./capability.ts";
import { parseBudgetAmount } from "./money.ts";

const longestPattern = 1024;
const mostPatterns = 1000;
const mostCapabilities = 64;

/**
 * What is wrong with a lease before anyone is asked for it: capability names, patterns, amounts (ARCP §9.2, §9.6) and
 * the expiry (§9.5). At most 64 capabilities of 1,000 patterns of 1,024 characters, so that matching stays cheap.
 * @param nowMs epoch milliseconds that `expires_at` must lie after.
 */
export function leaseIssues(
  lease: WireLease,
  constraints: LeaseConstraints | undefined,
  nowMs: number,
): ValidationIssue[] {
  const issues: ValidationIssue[] = [];
  const capabilities = Object.entries(lease);
  if (capabilities.length > mostCapabilities) {
    return [{ pointer: "/lease_request", message: `names more than ${mostCapabilities} capabilities` }];
  }
  for (const [capability, patterns] of capabilities) {
    const pointer = `/lease_request/${capability.replaceAll("~", "~0").replaceAll("/", "~1")}`;
    if (!isCapability(capability)) {
      issues.push({ pointer, message: "is no reserved capability and not x-vendor.<vendor>.<capability>" });
    } else if (patterns.length > mostPatterns) {
      issues.push({ pointer, message: `has more than ${mostPatterns} patterns` });
    } else {
      issues.push(...patterns.flatMap((pattern, at) => patternIssues(capability, pattern, `${pointer}/${at}`)));
    }
  }
  const expiry = constraints?.expires_at;
  if (expiry !== undefined) issues.push(...expiryIssues(expiry, nowMs));
  return issues;
}

function patternIssues(capability: string, pattern: string, pointer: string): ValidationIssue[] {
  if (pattern.length > longestPattern) return [{ pointer, message: `is longer than ${longestPattern} characters` }];
  if (capability === Capability.costBudget) {
    return parseBudgetAmount(pattern) === undefined
      ? [{ pointer, message: 'is no amount such as "USD:5.00" (ARCP §9.6)' }]
      : [];
  }
  if (canonicalPattern(capability, pattern) !== undefined) return [];
  if (capability === Capability.netFetch) {
    return [{ pointer, message: 'is no URL pattern such as "https://api.example.com/**", without "..", "?" and "#"' }];
  }
  return [{ pointer, message: 'is empty, or a path pattern with "." or ".." segments' }];
}

function expiryIssues(expiry: string, nowMs: number): ValidationIssue[] {
  const pointer = "/lease_constraints/expires_at";
  const expiresAtMs = parseExpiry(expiry);
  if (expiresAtMs === undefined) {
    return [{ pointer, message: 'is no UTC time such as "2026-05-13T23:42:00Z" (the Z is required, ARCP §9.5)' }];
  }
  return expiresAtMs > nowMs ? [] : [{ pointer, message: "is not in the future" }];
}

/** Epoch milliseconds of an ISO 8601 time with the suffix `Z`; `undefined` for anything else (ARCP §9.5). */
export function parseExpiry(text: string): number | undefined {
  if (!/^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.\d{1,9})?Z$/.test(text)) return undefined;
  const epochMs = Date.parse(text);
  // An impossible day such as the 31st of February is carried over by some engines; the text must come back.
  if (Number.isNaN(epochMs) || new Date(epochMs).toISOString().slice(0, 19) !== text.slice(0, 19)) return undefined;
  return epochMs;
}
