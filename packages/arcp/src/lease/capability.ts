import { type WireLease, leaseNamespaces } from "@imprest/core/models/arcp";
import {
  canonicalName,
  canonicalPath,
  canonicalPathPattern,
  canonicalUrl,
  canonicalUrlPattern,
  urlSegments,
} from "./canonical.ts";
import { globCovers, matchesGlob } from "./glob.ts";

/** The reserved capability names (ARCP §9.2). */
export const Capability: {
  readonly fsRead: "fs.read";
  readonly fsWrite: "fs.write";
  readonly netFetch: "net.fetch";
  readonly toolCall: "tool.call";
  readonly agentDelegate: "agent.delegate";
  readonly costBudget: "cost.budget";
  readonly modelUse: "model.use";
} = {
  fsRead: "fs.read",
  fsWrite: "fs.write",
  netFetch: "net.fetch",
  toolCall: "tool.call",
  agentDelegate: "agent.delegate",
  costBudget: "cost.budget",
  modelUse: "model.use",
};

const reserved: ReadonlySet<string> = new Set(leaseNamespaces);
const vendorCapability = /^x-vendor\.[a-z0-9_-]+\.[a-z0-9_.-]+$/i;

/** Whether a lease may name it: a reserved name, or `x-vendor.<vendor>.<capability>`. */
export function isCapability(name: string): boolean {
  return reserved.has(name) || vendorCapability.test(name);
}

/**
 * A target in the spelling that the capability's patterns are matched with: paths and URLs canonical, names as they
 * are. @returns `undefined` for a target that no lease can cover.
 */
export function canonicalTarget(capability: string, target: string): string | undefined {
  if (capability === Capability.fsRead || capability === Capability.fsWrite) return canonicalPath(target);
  if (capability === Capability.netFetch) return canonicalUrl(target);
  return canonicalName(target);
}

/** A pattern in the same spelling. @returns `undefined` for a pattern that the capability does not allow. */
export function canonicalPattern(capability: string, pattern: string): string | undefined {
  if (capability === Capability.fsRead || capability === Capability.fsWrite) return canonicalPathPattern(pattern);
  if (capability === Capability.netFetch) return canonicalUrlPattern(pattern);
  return canonicalName(pattern);
}

/**
 * Whether the lease covers an operation (ARCP §9.1, §9.3): the capability is granted and one of its patterns matches
 * the canonical target. A name of an agent matches with and without its version. Budget and expiry are asked elsewhere.
 */
export function leasePermits(lease: WireLease, capability: string, target: string): boolean {
  const canonical = canonicalTarget(capability, target);
  if (canonical === undefined || !Object.hasOwn(lease, capability)) return false;
  return (lease[capability] ?? []).some((pattern) => patternPermits(capability, pattern, canonical));
}

function patternPermits(capability: string, pattern: string, target: string): boolean {
  const canonical = canonicalPattern(capability, pattern);
  if (canonical === undefined) return false;
  if (capability === Capability.netFetch) return matchesGlob(urlSegments(canonical), urlSegments(target));
  if (matchesGlob(canonical, target)) return true;
  const at = capability === Capability.agentDelegate ? target.indexOf("@") : -1;
  return at > 0 && matchesGlob(canonical, target.slice(0, at));
}

/**
 * Whether every target that `child` covers is one that `parent` covers, as far as can be shown; never wrongly true
 * (ARCP 1.0 §9.4). Not for `cost.budget`, whose patterns are amounts.
 */
export function patternCovers(capability: string, parent: string, child: string): boolean {
  const wide = canonicalPattern(capability, parent);
  const narrow = canonicalPattern(capability, child);
  if (wide === undefined || narrow === undefined) return false;
  return capability === Capability.netFetch
    ? globCovers(urlSegments(wide), urlSegments(narrow))
    : globCovers(wide, narrow);
}
