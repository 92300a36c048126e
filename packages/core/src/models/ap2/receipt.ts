import * as z from "zod/mini";
import type { WireSchema } from "../../wire/schema.ts";
import { numericDateSchema } from "./party.ts";

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

export const mandateReceiptSchema: WireSchema<MandateReceipt> = z.looseObject({
  status: z.optional(z.string("must be text")),
  result: z.optional(z.string("must be text")),
  iss: z.string("must be text"),
  iat: z.optional(numericDateSchema),
  reference: z.string("must be text"),
  error: z.optional(z.string("must be text")),
  error_description: z.optional(z.string("must be text")),
});
