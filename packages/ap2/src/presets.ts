import type { JsonValue } from "@imprest/core/audit";
import type { OpenPaymentMandate, PaymentMandate } from "@imprest/core/models/ap2";
import type { ConstraintProblem } from "./constraints.ts";
import { isObject } from "./sd-jwt.ts";

/** What an open mandate may fix beforehand, besides the payee. */
const presets = ["payment_amount", "payment_instrument", "execution_date", "pisp"] as const;

type Claims = Readonly<Record<string, JsonValue | undefined>>;

/**
 * Holds a closed payment mandate to what the open one fixed: each such claim must be in it unchanged (AP2 v0.2 §Agent
 * Authorization, verification rule 2).
 * @returns what differs; empty when nothing does.
 */
export function checkPresets(open: OpenPaymentMandate, closed: PaymentMandate): ConstraintProblem[] {
  // Both were read from JSON; the models name only a part of what a mandate may hold.
  const [fixed, chosen] = [open, closed] as unknown as readonly [Claims, Claims];
  const differing: string[] = presets.filter((name) => !isUnchanged(fixed[name], chosen[name]));
  if (!isPayee(fixed["payee"], chosen["payee"])) differing.unshift("payee");
  return differing.map((type) => ({ type, message: "is fixed by the open mandate, and the closed one differs" }));
}

/** Every member that is fixed must be the same; one that is absent or null fixes nothing. */
function isUnchanged(fixed: JsonValue | undefined, chosen: JsonValue | undefined): boolean {
  if (fixed === undefined || fixed === null) return true;
  if (!isObject(fixed)) return fixed === chosen;
  return isObject(chosen) && Object.entries(fixed).every(([name, member]) => isUnchanged(member, chosen[name]));
}

/**
 * AP2's own SDK goes by a payee's id where there is one, and so may its name be written differently; its website, which
 * policies go by, may be left out but not exchanged.
 */
function isPayee(fixed: JsonValue | undefined, chosen: JsonValue | undefined): boolean {
  if (!isObject(fixed) || !isObject(chosen) || fixed["id"] === "") return isUnchanged(fixed, chosen);
  const { website } = chosen;
  return (
    fixed["id"] === chosen["id"] &&
    (website === undefined || website === null || isUnchanged(fixed["website"], website))
  );
}
