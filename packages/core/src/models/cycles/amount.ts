import type { Amount } from "../../amount/amount.ts";
import { int64, oneOf, openOneOf, unsigned } from "../../wire/leaves.ts";
import { type Shape, closedObject, object } from "../../wire/shape.ts";

/** A unit of account (Cycles §UnitEnum); open in responses. */
export type WireUnit = (typeof units)[number];

export const units = ["USD_MICROCENTS", "TOKENS", "CREDITS", "RISK_POINTS"] as const;

/** Zero or more of one unit, in a response (Cycles §Amount). */
export const amount: Shape<Amount> = object({ unit: openOneOf(units), amount: unsigned });

/** May be negative: a balance in overdraft (Cycles §SignedAmount). */
export const signedAmount: Shape<Amount> = object({ unit: openOneOf(units), amount: int64 });

/** Zero or more of a unit that the protocol knows, in a request (Cycles §Amount). */
export const requestAmount: Shape<Amount> = closedObject({ unit: oneOf(units), amount: unsigned });
