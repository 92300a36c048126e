import type { ValidationIssue } from "@imprest/core";
import { pointerOf, shortened } from "@imprest/core/internal";
import type { LeaseConstraints, WireLease } from "@imprest/core/models/arcp";
import { Capability, canonicalPattern, isCapability } from "./capability.ts";
import { parseBudgetAmount } from "./money.ts";

const longestPattern = 1024;
const mostPatterns = 1000;
const mostCapabilities = 64;
/** As of every check of a wire value: whoever sends thousands of wrong patterns sees the first of them. */
const mostIssues = 20;

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
    if (issues.length >= mostIssues) break;
    const pointer = pointerOf(["lease_request", shortened(capability)]);
    if (!isCapability(capability)) {
      issues.push({ pointer, message: "is no reserved capability and not x-vendor.<vendor>.<capability>" });
    } else if (patterns.length > mostPatterns) {
      issues.push({ pointer, message: `has more than ${mostPatterns} patterns` });
    } else {
      for (let at = 0; at < patterns.length && issues.length < mostIssues; at++) {
        const message = patternIssue(capability, patterns[at] ?? "");
        if (message !== undefined) issues.push({ pointer: `${pointer}/${at}`, message });
      }
    }
  }
  const expiry = constraints?.expires_at;
  if (expiry !== undefined) issues.push(...expiryIssues(expiry, nowMs));
  return issues;
}

function patternIssue(capability: string, pattern: string): string | undefined {
  if (pattern.length > longestPattern) return `is longer than ${longestPattern} characters`;
  if (capability === Capability.costBudget) {
    return parseBudgetAmount(pattern) === undefined ? 'is no amount such as "USD:5.00" (ARCP §9.6)' : undefined;
  }
  if (canonicalPattern(capability, pattern) !== undefined) return undefined;
  return capability === Capability.netFetch
    ? 'is no URL pattern such as "https://api.example.com/**", without "..", "?" and "#"'
    : 'is empty, or a path pattern with "." or ".." segments';
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
