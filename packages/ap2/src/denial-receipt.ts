import type { PaymentTerms } from "./options.ts";
import { chargeKind } from "./bodies.ts";
import type { AP2GuardDenied } from "./errors.ts";
import { checkMandate } from "./mandate.ts";
import { toMicrocents } from "./microcents.ts";
import { type PaymentReceipt, buildReceipt } from "./receipt.ts";

/**
 * The receipt of a No: what was asked for, the authority's reason, and a reference to its signed evidence where it keeps
 * one.
 * @param issuedAtMs epoch milliseconds.
 * @throws AP2CurrencyError for a mandate that is not in dollars.
 */
export function denialReceipt(
  { mandate, tenant, agent, actionKind = chargeKind, compat }: PaymentTerms,
  { reasonCode, evidence }: AP2GuardDenied,
  issuedAtMs: number,
): PaymentReceipt {
  const checked = checkMandate(mandate);
  const amount = toMicrocents(checked.amountValue, checked.currency, { compat });
  const decision = "DENY";
  const common = { mandate: checked, decision, tenant, agent, actionKind, amount, issuedAtMs, committed: false };
  return buildReceipt({ ...common, reasonCode, evidence });
}
