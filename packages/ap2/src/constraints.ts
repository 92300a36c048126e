import type { JsonObject, JsonValue } from "@imprest/core/audit";
import type { OpenConstraint, PaymentMandate } from "@imprest/core/models/ap2";
import { fromMinorUnits } from "./currency.ts";
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
 * @param nowMs epoch milliseconds: when a payment without an execution date is executed.
 * @returns what is broken; empty when nothing is.
 */
export function checkConstraints(
  open: readonly OpenConstraint[],
  closed: PaymentMandate,
  nowMs: number = Date.now(),
): ConstraintProblem[] {
  return open.flatMap((constraint) => {
    const { type } = constraint;
    const rule = type !== undefined && Object.hasOwn(rules, type) ? rules[type] : undefined;
    const message = rule === undefined ? unknownRule(type) : rule(constraint as JsonObject, closed, nowMs);
    return message === undefined ? [] : [{ type: type ?? "undisclosed", message }];
  });
}

/** How often and for how much the mandate may be used: of several rules of a kind the strictest; `undefined` without any. */
export function limitsOf(constraints: readonly OpenConstraint[]): MandateLimits | undefined {
  const all = (type: string): OpenConstraint[] => constraints.filter((constraint) => constraint.type === type);
  const [recurrences, budgets] = [all("payment.agent_recurrence"), all("payment.budget")];
  if (recurrences.length === 0 && budgets.length === 0) return undefined;
  const most = recurrences.flatMap(({ max_occurrences: max }) => (typeof max === "number" ? [max] : []));
  const budget = budgets
    .map(({ max }) => String(max))
    .toSorted((one, other) => compare(toScaled(one), toScaled(other)))[0];
  return {
    ...(recurrences.length > 0 && { frequency: rarest(recurrences.map(({ frequency }) => frequency)) }),
    ...(most.length > 0 && { maxOccurrences: Math.min(...most) }),
    ...(budget !== undefined && { budget }),
  };
}

/** The frequency whose periods are the longest; one that is not known allows nothing. */
function rarest(found: readonly unknown[]): string {
  const ranks = found.map((one) => frequencyOrder.indexOf(one as string));
  return ranks.includes(-1) ? "" : (frequencyOrder[Math.max(...ranks)] ?? "");
}

function compare(one: bigint, other: bigint): number {
  return one < other ? -1 : Number(one > other);
}

type Rule = (constraint: JsonObject, closed: PaymentMandate, nowMs: number) => string | undefined;

const rules: Readonly<Record<string, Rule>> = {
  "payment.amount_range"({ currency, max, min = 0 }, { payment_amount: paid }) {
    if (currency !== paid.currency) return `is for another currency than ${paid.currency}`;
    if (!isMinor(max) || !isMinor(min)) return "has a bound that is no whole number of minor units";
    return paid.amount <= max && paid.amount >= min
      ? undefined
      : `allows ${min} to ${max} minor units, not ${paid.amount}`;
  },
  "payment.allowed_payees": ({ allowed }, { payee }) =>
    some(allowed, (one) => isMerchant(one, payee)) ? undefined : "does not name the payee",
  "payment.allowed_payment_instruments": ({ allowed }, { payment_instrument: instrument }) =>
    some(allowed, ({ id }) => id === instrument.id) ? undefined : "does not name the payment instrument",
  "payment.allowed_pisps"({ allowed }, closed) {
    const { pisp } = closed as PaymentMandate & { readonly pisp?: JsonValue | undefined };
    if (!isObject(pisp)) return "needs a payment initiation service, and the payment names none";
    const isSame = (one: JsonObject): boolean =>
      pispMembers.every((name) => typeof one[name] === "string" && one[name] === pisp[name]);
    return some(allowed, isSame) ? undefined : "does not name the payment initiation service";
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
    if (typeof max !== "number" || !isDecimal(String(max))) return "has a maximum that is no exact decimal";
    const asked = toScaled(fromMinorUnits(paid.amount, paid.currency));
    return asked <= toScaled(String(max)) ? undefined : `allows ${max} ${currency} in all`;
  },
};

/** AP2 v0.2 §Agent Recurrence, from the shortest period to the longest. */
const frequencyOrder: readonly string[] = [
  "ON_DEMAND",
  "DAILY",
  "WEEKLY",
  "BIWEEKLY",
  "MONTHLY",
  "QUARTERLY",
  "ANNUALLY",
];

/** AP2 v0.2 §Agent Recurrence. */
const frequencies: ReadonlySet<string> = new Set(frequencyOrder);

function unknownRule(type: string | undefined): string {
  return type === undefined ? "was not disclosed, so nobody can say that it holds" : "is not known, so it must fail";
}

/**
 * Dates are compared as instants: as texts, two spellings of one instant would differ. A payment without a date is executed
 * at once (AP2 v0.2, schema of the payment mandate).
 */
function dateRule(
  { not_before: from, not_after: to }: JsonObject,
  { execution_date: date }: PaymentMandate,
  nowMs: number,
): string | undefined {
  const at = date === undefined ? nowMs : Date.parse(date);
  const least = from === undefined ? -Infinity : instant(from);
  const most = to === undefined ? Infinity : instant(to);
  return at >= least && at <= most ? undefined : "does not allow the execution date";
}

function instant(value: JsonValue): number {
  return typeof value === "string" ? Date.parse(value) : Number.NaN;
}

/** AP2 v0.2 §PISP: what the schema has of one. */
const pispMembers = ["domain_name", "legal_name", "brand_name"] as const;

function some(allowed: JsonValue | undefined, isWanted: (entry: JsonObject) => boolean): boolean {
  return Array.isArray(allowed) && allowed.some((entry) => isObject(entry) && isWanted(entry));
}

/** A merchant by its id; where one of the two has none, by its name and website, as AP2's SDK goes. */
function isMerchant({ id, name, website }: JsonObject, payee: PaymentMandate["payee"]): boolean {
  if (typeof id === "string" && id !== "" && payee.id !== "") return id === payee.id;
  return typeof name === "string" && name !== "" && name === payee.name && !!website && website === payee.website;
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
