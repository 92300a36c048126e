import * as z from "zod/mini";
import type { WireSchema } from "../../wire/schema.ts";
import { type OpenConstraint, openConstraintSchema } from "./constraint.ts";
import { numericDateSchema } from "./party.ts";

/** A checkout that was agreed to (AP2 v0.2 §Checkout Mandate, closed). */
export interface CheckoutMandate {
  readonly vct: "mandate.checkout.1";
  /** The merchant's signed checkout; selectively disclosed. */
  readonly checkout_jwt?: string | undefined;
  /** base64url of SHA-256 over `checkout_jwt`; the payment's `transaction_id`. */
  readonly checkout_hash: string;
  readonly iat?: number | undefined;
  readonly exp?: number | undefined;
}

export const checkoutMandateSchema: WireSchema<CheckoutMandate> = z.looseObject({
  vct: z.literal("mandate.checkout.1", "must be mandate.checkout.1"),
  checkout_jwt: z.optional(z.string("must be text")),
  checkout_hash: z.string("must be text"),
  iat: z.optional(numericDateSchema),
  exp: z.optional(numericDateSchema),
});

/** What an agent may check out while the user is away (AP2 v0.2 §Checkout Mandate, open). */
export interface OpenCheckoutMandate {
  readonly vct: "mandate.checkout.open.1";
  readonly constraints: readonly OpenConstraint[];
  readonly cnf: { readonly jwk: Readonly<Record<string, unknown>> };
  readonly iat?: number | undefined;
  readonly exp?: number | undefined;
}

export const openCheckoutMandateSchema: WireSchema<OpenCheckoutMandate> = z.looseObject({
  vct: z.literal("mandate.checkout.open.1", "must be mandate.checkout.open.1"),
  constraints: z.array(openConstraintSchema, "must be a list"),
  cnf: z.looseObject({ jwk: z.record(z.string(), z.unknown(), "must be a JWK") }),
  iat: z.optional(numericDateSchema),
  exp: z.optional(numericDateSchema),
});
