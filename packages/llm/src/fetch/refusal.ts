import { DeniedError } from "@imprest/core";

/** Why the guard itself lets a request not leave. */
export type RefusalCode =
  | "UNPRICED_ROUTE"
  | "UNPRICED_MODEL"
  | "UNREADABLE_REQUEST"
  | "UNBOUNDED_REQUEST"
  | "NO_SETTLER"
  | "UNKNOWN_SUBJECT"
  | "CAPS_LEAVE_NOTHING"
  | "RESERVATION_REFUSED";

/** The guard's own No: nothing was sent, and what was reserved is released. */
export class Refusal extends DeniedError {
  static override readonly brand: string = "Refusal";

  constructor(code: RefusalCode, why: string, cause?: unknown) {
    super(`${why.replace(/\.$/, "")}. Nothing was sent.`, { decision: "REFUSED", reasonCode: code }, { cause });
  }
}
