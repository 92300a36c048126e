import * as z from "zod/mini";
import type { Amount } from "../../amount/amount.ts";
import { int64Max } from "../../amount/int64.ts";
import { int64, type WireSchema } from "../../wire/schema.ts";
import { oneOf, requestObject, responseObject, text } from "./fields.ts";

/** A unit of account (Cycles §UnitEnum); open in responses. */
export type WireUnit = "USD_MICROCENTS" | "TOKENS" | "CREDITS" | "RISK_POINTS";

export const units: readonly WireUnit[] = ["USD_MICROCENTS", "TOKENS", "CREDITS", "RISK_POINTS"];

const unsigned: WireSchema<bigint> = z.transform((value, context) => {
  if (typeof value === "number" && Number.isSafeInteger(value) && value >= 0) return BigInt(value);
  if (typeof value === "bigint" && value >= 0n && value <= int64Max) return value;
  context.issues.push({ code: "custom", message: "must be a whole number within int64, not negative", input: value });
  return z.NEVER;
});

/** Zero or more of one unit, in a response (Cycles §Amount). */
export const amountSchema: WireSchema<Amount> = responseObject({ unit: text, amount: unsigned });

/** May be negative: a balance in overdraft (Cycles §SignedAmount). */
export const signedAmountSchema: WireSchema<Amount> = responseObject({ unit: text, amount: int64 });

/** Zero or more of a unit that the protocol knows, in a request (Cycles §Amount). */
export const requestAmountSchema: WireSchema<Amount> = requestObject({ unit: oneOf(units), amount: unsigned });
