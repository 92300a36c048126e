import type { Amount } from "../../amount/amount.ts";
import { boundedText, flag, hexDigits, int64, jsonObject, oneOf, text, texts, wholeNumber } from "../../wire/leaves.ts";
import { type Shape, closedObject, list, optional } from "../../wire/shape.ts";
import { requestAmount, units } from "./amount.ts";
import type { Balance } from "./balance.ts";
import type { Caps } from "./caps.ts";
import type { CommitResponse } from "./commit.ts";
import { type DecisionResponse, decisions } from "./decision.ts";
import { type ErrorResponse, errorCodes } from "./error.ts";
import type { ReleaseResponse } from "./release.ts";
import type { ReservationCreateResponse } from "./reservation.ts";

// The answers of the base protocol as evidence attests them: closed, where the protocol itself lets an answer grow
// (Cycles evidence, MIRROR CONTRACT).

const amount: Shape<Amount> = requestAmount;
const optionalAmount = optional(amount);
const optionalCount = optional(wholeNumber(0));

const balance: Shape<Balance> = closedObject({
  scope: text,
  scope_path: text,
  remaining: closedObject({ unit: oneOf(units), amount: int64 }),
  reserved: optionalAmount,
  spent: optionalAmount,
  allocated: optionalAmount,
  debt: optionalAmount,
  overdraft_limit: optionalAmount,
  is_over_limit: optional(flag),
});

const balances = optional(list(balance));

const toolList = optional(list(boundedText(256)));

const caps: Shape<Caps> = closedObject({
  max_tokens: optionalCount,
  max_steps_remaining: optionalCount,
  tool_allowlist: toolList,
  tool_denylist: toolList,
  cooldown_ms: optionalCount,
});

const decision = oneOf(decisions);
const reasonCode = optional(boundedText(128));

export const attestedDecisionResponse: Shape<Omit<DecisionResponse, "cycles_evidence" | "deny_detail">> = closedObject({
  decision,
  caps: optional(caps),
  reason_code: reasonCode,
  retry_after_ms: optionalCount,
  affected_scopes: optional(texts),
});

export const attestedReservationCreateResponse: Shape<
  Omit<ReservationCreateResponse, "cycles_evidence" | "deny_detail" | "remaining_ttl_ms">
> = closedObject({
  decision,
  affected_scopes: texts,
  reservation_id: optional(text),
  reserved: optionalAmount,
  caps: optional(caps),
  reason_code: reasonCode,
  retry_after_ms: optionalCount,
  expires_at_ms: optionalCount,
  scope_path: optional(text),
  balances,
});

export const attestedCommitResponse: Shape<Omit<CommitResponse, "cycles_evidence">> = closedObject({
  status: oneOf(["COMMITTED"]),
  charged: amount,
  released: optionalAmount,
  balances,
});

export const attestedReleaseResponse: Shape<Omit<ReleaseResponse, "cycles_evidence">> = closedObject({
  status: oneOf(["RELEASED"]),
  released: amount,
  balances,
});

/** The codes that evidence knows: those of the extension v0.1.26 wait for the mirror to be cut again. */
const attestedErrorCodes = errorCodes.filter((code) => !code.startsWith("ACTION_"));

export const attestedErrorResponse: Shape<Omit<ErrorResponse, "cycles_evidence">> = closedObject({
  error: oneOf(attestedErrorCodes),
  message: text,
  request_id: text,
  trace_id: optional(hexDigits(32)),
  details: optional(jsonObject),
});
