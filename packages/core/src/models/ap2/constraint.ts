import { type Shape, object } from "../../wire/shape.ts";
import { optionalText } from "./fields.ts";

/**
 * One rule of an open mandate (AP2 v0.2 §Constraints). The type is open: a reader that does not know it must refuse. A
 * rule that the holder did not disclose has no type, only its digest.
 */
export interface OpenConstraint {
  readonly type?: string | undefined;
  readonly [member: string]: unknown;
}

export const openConstraint: Shape<OpenConstraint> = object({
  type: optionalText,
});
