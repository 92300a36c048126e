import { type SettlementInstruction } from "@imprest/core";
import { hex, parseJson } from "@imprest/core/internal";
import type { CommitResponse, ReleaseResponse, ReserveRequest, ReserveResponse } from "@imprest/core/models/asp";

/** The part of an OpenTelemetry span that is needed; `Span` of `@opentelemetry/api` fits. */
export interface SpanEvents {
  /** As of an OpenTelemetry span. */
  addEvent(name: string, attributes: Readonly<Record<string, string | string[]>>): unknown;
}

/** What `AspAuthority` tells. */
export interface SpendTelemetry {
  /** A reservation was granted. */
  reserved(request: ReserveRequest, answer: ReserveResponse): Promise<void>;
  /** Spend was committed. */
  committed(instruction: SettlementInstruction, answer: CommitResponse): Promise<void>;
  /** A reservation was given back. */
  released(instruction: SettlementInstruction, answer: ReleaseResponse): Promise<void>;
}

/** Which span the events go to. */
export interface SpanTelemetryOptions {
  /** The GenAI span of the call: `() => trace.getActiveSpan()`. */
  readonly activeSpan: () => SpanEvents | undefined;
  /** The authority's name on the events. */
  readonly authority: string;
}

/**
 * Writes `gen_ai.spend.reserve`, `.commit`, `.release` and, for each answer that carried a signature, `.audit` onto the
 * active span (ASP §6 "OpenTelemetry GenAI"). RPC answers hold no decision id, so the events carry `reservation_id`.
 */
export function createSpanTelemetry({ activeSpan, authority }: SpanTelemetryOptions): SpendTelemetry {
  const tell = async (
    verb: "reserve" | "commit" | "release",
    attributes: Readonly<Record<string, string | readonly string[] | undefined>>,
    signature: Uint8Array | undefined,
  ): Promise<void> => {
    const span = activeSpan();
    if (span === undefined) return;
    span.addEvent(`gen_ai.spend.${verb}`, prefixed({ ...attributes, authority }));
    if (signature === undefined) return;
    const digest = await crypto.subtle.digest("SHA-256", signature as Uint8Array<ArrayBuffer>);
    const { reservation_id } = attributes;
    const audit = { reservation_id, authority, audit_event_signature_hash: hex(new Uint8Array(digest)) };
    span.addEvent("gen_ai.spend.audit", prefixed(audit));
  };
  return {
    reserved({ claim }, answer) {
      const attributes = {
        decision: (answer.decision ?? "DECISION_UNSPECIFIED").toLowerCase(),
        reservation_id: answer.reservationId,
        budget_id: claim.budgetId,
        unit: claim.unit,
        amount_atomic_reserved: claim.amountAtomic.toString(),
        reason_codes: answer.reasonCodes,
        matched_rule_ids: answer.matchedRuleIds,
      };
      return tell("reserve", attributes, answer.auditEventSignature);
    },
    committed({ reservationId, spent }, answer) {
      const attributes = {
        reservation_id: reservationId,
        unit: spent?.unit,
        amount_atomic_observed: spent?.amount,
        refund_amount_atomic: answer.refundAmountAtomic?.toString(),
        charge_amount_atomic: answer.chargeAmountAtomic?.toString(),
      };
      return tell("commit", attributes, answer.auditEventSignature);
    },
    released({ reservationId, body }, answer) {
      const { reasonCodes } = parseJson(body) as { readonly reasonCodes?: readonly string[] };
      return tell("release", { reservation_id: reservationId, reason_codes: reasonCodes }, answer.auditEventSignature);
    },
  };
}

function prefixed(
  attributes: Readonly<Record<string, string | readonly string[] | undefined>>,
): Record<string, string | string[]> {
  const written: Record<string, string | string[]> = {};
  for (const [name, value] of Object.entries(attributes)) {
    if (value === undefined) continue;
    written[`gen_ai.spend.${name}`] = typeof value === "string" ? value : [...value];
  }
  return written;
}
