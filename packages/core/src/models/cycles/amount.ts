import type { Amount } from "../../amount/amount.ts";
import type { Shape } from "../../wire/shape.ts";
import { int64, oneOf, requestObject, responseObject, text, unsigned } from "./fields.ts";

/** A unit of account (Cycles §UnitEnum); open in responses. */
export type WireUnit = "USD_MICROCENTS" | "TOKENS" | "CREDITS" | "RISK_POINTS";

export const units: readonly WireUnit[] = ["USD_MICROCENTS", "TOKENS", "CREDITS", "RISK_POINTS"];

/** Zero or more of one unit, in a response (Cycles §Amount). */
export const amountShape: Shape<Amount> = responseObject({ unit: text, amount: unsigned });

/** May be negative: a balance in overdraft (Cycles §SignedAmount). */
export const signedAmountShape: Shape<Amount> = responseObject({ unit: text, amount: int64 });

/** Zero or more of a unit that the protocol knows, in a request (Cycles §Amount). */
export const requestAmountShape: Shape<Amount> = requestObject({ unit: oneOf(units), amount: unsigned });
