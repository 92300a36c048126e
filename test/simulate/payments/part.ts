import type { Part } from "../part.ts";
import { type PaymentsPlan, planOf, shorter } from "./plan.ts";
import { run } from "./run.ts";

/** The payment guard, with a payment provider that counts. */
export const payments: Part<PaymentsPlan> = { name: "payments", planOf, run, shorter };
