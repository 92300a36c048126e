import { ConfigurationError } from "@imprest/core";
import type { LedgerOptions } from "./ledger.ts";
import { chargePolicies, overdraftRules } from "./overage-policy.ts";

/** @throws ConfigurationError naming the option. */
export function checkLedgerOptions(options: LedgerOptions): void {
  const { maxExtensions, overdraft = "overage", retention } = options;
  if (!overdraftRules.includes(overdraft)) {
    throw new ConfigurationError(`overdraft must be one of ${overdraftRules.join(", ")}.`);
  }
  if (options.overagePolicy !== undefined && !chargePolicies.includes(options.overagePolicy)) {
    throw new ConfigurationError(`overagePolicy must be one of ${chargePolicies.join(", ")}.`);
  }
  checkCount("maxExtensions", maxExtensions);
  checkCount("maxMetadataBytes", options.maxMetadataBytes);
  checkCount("maxActiveReservations", options.maxActiveReservations);
  checkCount("retention.metadataBytes", retention?.metadataBytes);
  checkCount("retention.forMs", retention?.forMs);
  checkCount("retention.finishedReservations", retention?.finishedReservations);
  checkCount("retention.idempotencyKeys", retention?.idempotencyKeys);
}

/** @throws ConfigurationError unless it is a whole number, zero or more, where it is given. */
export function checkCount(name: string, value: number | undefined): void {
  if (value === undefined || (Number.isSafeInteger(value) && value >= 0)) return;
  throw new ConfigurationError(`${name} must be a whole number, zero or more.`);
}
