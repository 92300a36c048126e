import { ValidationError } from "@imprest/core";
import { parseWire } from "@imprest/core/internal";
import { reservationCreateRequest } from "@imprest/core/models/cycles";
import { type ReserveBody, reserveBody } from "./bodies.ts";
import { AP2MandateError } from "./errors.ts";
import { keyIn } from "./idempotency-key.ts";
import { type AP2Mandate, checkMandate } from "./mandate.ts";
import { checkMicrocents } from "./microcents.ts";
import type { PaymentTerms } from "./options.ts";
import { claimName } from "./budget/cycles-budget.ts";
import { type Priced, quoteMetadata } from "./quote.ts";
import { boundedText } from "./text.ts";

/** How far clocks may differ: AP2's own SDK allows as much. */
export const clockSkewMs = 300_000;

/** Which use of which scope a payment is. */
export interface Purpose {
  readonly scope: string;
  /** What counts against `total`. */
  readonly amount: bigint;
  readonly total: bigint;
  readonly leg: number | undefined;
  readonly isRefund: boolean;
}

/** A payment before it is claimed: checked, priced, and able to write its reserve. */
export class Draft {
  readonly mandate: AP2Mandate;
  readonly terms: PaymentTerms;
  readonly priced: Priced;
  readonly purpose: Purpose;
  readonly estimate: bigint;

  constructor(mandate: AP2Mandate, terms: PaymentTerms, priced: Priced, purpose: Purpose) {
    const { headroomBasisPoints = 0 } = terms;
    if (!Number.isSafeInteger(headroomBasisPoints) || headroomBasisPoints < 0) {
      throw invalid("headroomBasisPoints", "must be a whole number, zero or more");
    }
    this.mandate = mandate;
    this.terms = terms;
    this.priced = priced;
    this.purpose = purpose;
    const headroom = (priced.microcents * BigInt(headroomBasisPoints)) / 10_000n;
    // A refund spends nothing: it needs the authority's leave, and no budget, which may be used up by then.
    this.estimate = purpose.isRefund ? 0n : checkMicrocents(priced.microcents + headroom, "The estimate");
    // Whatever is wrong with the terms is said before the mandate is claimed.
    this.body(keyIn(purpose.scope, "reserve"), undefined);
  }

  /** The reserve under a key; `claim` is absent in a dry run. @throws ValidationError for what the server would refuse. */
  body(idempotencyKey: string, claim: string | undefined): ReserveBody {
    const { mandate, terms, priced, estimate } = this;
    const metadata = {
      ...terms.metadata,
      ...(priced.quote && quoteMetadata(priced.quote)),
      ...(claim !== undefined && { [claimName]: claim }),
    };
    const body = reserveBody({ ...terms, mandate, metadata }, idempotencyKey, estimate);
    const { policy_keys: _, ...action } = body.action;
    parseWire(reservationCreateRequest, { ...body, action }, "payment");
    return body;
  }
}

/** The terms' mandate, checked. @throws AP2MandateError, ValidationError. */
export function checkTerms(terms: PaymentTerms, nowMs: number): AP2Mandate {
  const mandate = checkMandate(terms.mandate);
  boundedText("payment", "runId", terms.runId, 1, 256);
  if (terms.mode === "hnp" && mandate.openMandateHash === undefined) {
    throw new AP2MandateError(
      "The user is not present, so the payment needs an open mandate; make the mandate from its chain.",
    );
  }
  if (
    terms.enforceExpiry !== false &&
    mandate.expiresAtMs !== undefined &&
    mandate.expiresAtMs <= nowMs - clockSkewMs
  ) {
    throw new AP2MandateError("The mandate has expired.");
  }
  const { leg } = terms;
  if (leg !== undefined && !(Number.isSafeInteger(leg.number) && leg.number > 0)) {
    throw invalid("leg/number", "must be a whole number, 1 or more");
  }
  return mandate;
}

function invalid(pointer: string, message: string): ValidationError {
  return new ValidationError("payment", [{ pointer: `/${pointer}`, message }]);
}
