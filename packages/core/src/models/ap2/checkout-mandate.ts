import { oneOf, text } from "../../wire/leaves.ts";
import { type Shape, list, object } from "../../wire/shape.ts";
import { confirmation, optionalNumericDate, optionalText } from "./fields.ts";
import { type OpenConstraint, openConstraint } from "./constraint.ts";

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

export const checkoutMandate: Shape<CheckoutMandate> = object({
  vct: oneOf(["mandate.checkout.1"]),
  checkout_jwt: optionalText,
  checkout_hash: text,
  iat: optionalNumericDate,
  exp: optionalNumericDate,
});

/** What an agent may check out while the user is away (AP2 v0.2 §Checkout Mandate, open). */
export interface OpenCheckoutMandate {
  readonly vct: "mandate.checkout.open.1";
  readonly constraints: readonly OpenConstraint[];
  readonly cnf: { readonly jwk: Readonly<Record<string, unknown>> };
  readonly iat?: number | undefined;
  readonly exp?: number | undefined;
}

export const openCheckoutMandate: Shape<OpenCheckoutMandate> = object({
  vct: oneOf(["mandate.checkout.open.1"]),
  constraints: list(openConstraint),
  cnf: confirmation,
  iat: optionalNumericDate,
  exp: optionalNumericDate,
});
