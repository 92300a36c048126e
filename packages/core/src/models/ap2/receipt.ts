import { text } from "../../wire/leaves.ts";
import { type Shape, object } from "../../wire/shape.ts";
import { optionalNumericDate, optionalText } from "./fields.ts";

/** What a verifier answers to a mandate, as the payload of a signed JWT (AP2 v0.2 §Receipts). */
export interface MandateReceipt {
  /** `"Success"` or `"Error"`. Some texts of the specification call it `result`. */
  readonly status?: string | undefined;
  readonly result?: string | undefined;
  readonly iss: string;
  readonly iat?: number | undefined;
  /** Hash of the mandate it answers: of the whole presentation, or of its JWT alone. */
  readonly reference: string;
  readonly error?: string | undefined;
  readonly error_description?: string | undefined;
}

export const mandateReceipt: Shape<MandateReceipt> = object({
  status: optionalText,
  result: optionalText,
  iss: text,
  iat: optionalNumericDate,
  reference: text,
  error: optionalText,
  error_description: optionalText,
});
