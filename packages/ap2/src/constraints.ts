import type { JsonObject, JsonValue } from "@imprest/core/audit";
import type { OpenConstraint, PaymentMandate } from "@imprest/core/models/ap2";
import type { MandateLimits } from "./mandate.ts";
import { toScaled } from "./microcents.ts";
import { isObject } from "./sd-jwt.ts";

/** One rule of an open mandate that a payment breaks. */
export interface ConstraintProblem {
  /** The rule's type, or `undisclosed`. */
  readonly type: string;
  readonly message: string;
}

/**
 * Holds a closed payment mandate to the rules of the open one, in exact integers (AP2 v0.2 §Constraints). A rule that is
 * not known, or was not disclosed, is broken. Recurrence and budget depend on what was paid before: the guard counts them.
 * @returns what is broken; empty when nothing is.
 */
export function checkConstraints(open: readonly OpenConstraint[], closed: PaymentMandate): ConstraintProblem[] {
  return open.flatMap((constraint) => {
    const { type } = constraint;
    const rule = type !== undefined && Object.hasOwn(rules, type) ? rules[type] : undefined;
    const message = rule === undefined ? unknownRule(type) : rule(constraint as JsonObject, closed);
    return message === undefined ? [] : [{ type: type ?? "undisclosed", message }];
  });
}

/** How often and for how much the mandate may be used; `undefined` for a mandate that is used once. */
export function limitsOf(constraints: readonly OpenConstraint[]): MandateLimits | undefined {
  const recurrence = constraints.find(({ type }) => type === "payment.agent_recurrence");
  const budget = constraints.find(({ type }) => type === "payment.budget");
  if (recurrence === undefined && budget === undefined) return undefined;
  const { frequency, max_occurrences: maxOccurrences } = recurrence ?? {};
  return {
    // A recurrence of no known frequency allows nothing; a budget alone may be used whenever.
    ...(recurrence && { frequency: typeof frequency === "string" ? frequency : "" }),
    ...(typeof maxOccurrences === "number" && { maxOccurrences }),
    ...(budget && { budget: String(budget["max"]) }),
  };
}

type Rule = (constraint: JsonObject, closed: PaymentMandate) => string | undefined;

const rules: Readonly<Record<string, Rule>> = {
  "payment.amount_range"({ currency, max, min = 0 }, { payment_amount: paid }) {
    if (currency !== paid.currency) return `is for another currency than ${paid.currency}`;
    if (!isMinor(max) || !isMinor(min)) return "has a bound that is no whole number of minor units";
    return paid.amount <= max && paid.amount >= min
      ? undefined
      : `allows ${min} to ${max} minor units, not ${paid.amount}`;
  },
  "payment.allowed_payees": ({ allowed }, { payee }) =>
    isAmong(allowed, payee.id) ? undefined : "does not name the payee",
  "payment.allowed_payment_instruments": ({ allowed }, { payment_instrument: instrument }) =>
    isAmong(allowed, instrument.id) ? undefined : "does not name the payment instrument",
  "payment.allowed_pisps"({ allowed }, closed) {
    const { pisp } = closed as PaymentMandate & { readonly pisp?: { readonly id?: unknown } | undefined };
    return pisp === undefined || isAmong(allowed, pisp.id) ? undefined : "does not name the payment initiation service";
  },
  "payment.execution_date": dateRule,
  "payment.reference": ({ conditional_transaction_id: reference }) =>
    typeof reference === "string" ? undefined : "names no checkout",
  "payment.agent_recurrence"({ frequency, max_occurrences: most }) {
    if (typeof frequency !== "string" || !frequencies.has(frequency)) return "has a frequency that is not known";
    return most === undefined || isMinor(most) ? undefined : "has a max_occurrences that is no whole number";
  },
  "payment.budget"({ max, currency }, { payment_amount: paid }) {
    if (currency !== paid.currency) return `is for another currency than ${paid.currency}`;
    return typeof max === "number" && isDecimal(String(max)) ? undefined : "has a maximum that is no exact decimal";
  },
};

/** AP2 v0.2 §Agent Recurrence. */
export const frequencies: ReadonlySet<string> = new Set([
  "ON_DEMAND",
  "DAILY",
  "WEEKLY",
  "BIWEEKLY",
  "MONTHLY",
  "QUARTERLY",
  "ANNUALLY",
]);

function unknownRule(type: string | undefined): string {
  return type === undefined ? "was not disclosed, so nobody can say that it holds" : "is not known, so it must fail";
}

/** Dates are compared as instants: as texts, two spellings of one instant would differ. */
function dateRule(
  { not_before: from, not_after: to }: JsonObject,
  { execution_date: date }: PaymentMandate,
): string | undefined {
  const at = date === undefined ? Number.NaN : Date.parse(date);
  const least = from === undefined ? -Infinity : instant(from);
  const most = to === undefined ? Infinity : instant(to);
  return at >= least && at <= most ? undefined : "does not allow the execution date";
}

function instant(value: JsonValue): number {
  return typeof value === "string" ? Date.parse(value) : Number.NaN;
}

function isAmong(allowed: JsonValue | undefined, id: unknown): boolean {
  return (
    Array.isArray(allowed) && typeof id === "string" && allowed.some((entry) => isObject(entry) && entry["id"] === id)
  );
}

function isMinor(value: JsonValue | undefined): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

function isDecimal(text: string): boolean {
  try {
    toScaled(text);
    return true;
  } catch {
    return false;
  }
}
