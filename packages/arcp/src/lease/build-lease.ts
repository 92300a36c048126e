import { ValidationError } from "@imprest/core";
import type { WireLease } from "@imprest/core/models/arcp";
import { Capability } from "./capability.ts";
import { leaseIssues } from "./validate-lease.ts";

/** What a job may do, in words. Absent means nothing of the kind. */
export interface LeaseDescription {
  /** Path globs that may be read. */
  readonly read?: readonly string[] | undefined;
  /** Path globs that may be written. */
  readonly write?: readonly string[] | undefined;
  /** URL globs that may be fetched. */
  readonly fetch?: readonly string[] | undefined;
  /** Name globs of tools. */
  readonly tools?: readonly string[] | undefined;
  /** Name globs of agents that work may be delegated to. */
  readonly delegate?: readonly string[] | undefined;
  /** Name globs of models. */
  readonly models?: readonly string[] | undefined;
  /** Ceilings such as `"USD:5.00"`. */
  readonly budget?: readonly string[] | undefined;
  /** `x-vendor.<vendor>.<capability>`, by its whole name. */
  readonly vendor?: WireLease | undefined;
}

const capabilityOf = {
  read: Capability.fsRead,
  write: Capability.fsWrite,
  fetch: Capability.netFetch,
  tools: Capability.toolCall,
  delegate: Capability.agentDelegate,
  models: Capability.modelUse,
  budget: Capability.costBudget,
} as const;

/**
 * `buildLease({ tools: ["search.*"], budget: ["USD:1.00"] })` → `{ "tool.call": ["search.*"], "cost.budget": ["USD:1.00"] }`.
 * @throws ValidationError for a pattern, an amount or a vendor capability that a runtime would refuse.
 */
export function buildLease(description: LeaseDescription): Record<string, string[]> {
  const lease: Record<string, string[]> = {};
  for (const [word, capability] of Object.entries(capabilityOf)) {
    const patterns = description[word as keyof typeof capabilityOf];
    if (patterns !== undefined) lease[capability] = [...patterns];
  }
  for (const [capability, patterns] of Object.entries(description.vendor ?? {})) lease[capability] = [...patterns];
  const issues = leaseIssues(lease, undefined, 0);
  if (issues.length > 0) throw new ValidationError("lease", issues);
  return lease;
}
