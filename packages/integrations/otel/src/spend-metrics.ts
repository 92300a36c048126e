import type { Amount, SpendEvents } from "@imprest/core";
import type { Attributes, Meter } from "@opentelemetry/api";

/** What is counted of spend. */
export interface SpendMetrics {
  /** Adds an estimate to what is held, or takes it away again. */
  held(estimate: Amount, sign: 1 | -1): void;
  denied(event: SpendEvents["decision"]): void;
  settled(event: SpendEvents["settlement"]): void;
  deadLetter(event: SpendEvents["dead-letter"]): void;
}

/**
 * The instruments. Amounts are in whole parts of their unit, which is an attribute. A metric is a float, and exact up to
 * 2^53 of them; the amounts of events are exact always.
 */
export function spendMetrics(meter: Meter, common: Attributes = {}): SpendMetrics {
  const counter = (name: string, description: string) => meter.createCounter(`gen_ai.spend.${name}`, { description });
  const spend = counter("amount", "What was charged, by unit and basis");
  const refunds = counter("refunds", "What was reserved and given back by a commit");
  const denials = counter("denials", "Calls that were refused before they started");
  const deadLetters = counter("dead_letters", "Spends that the books do not show and an operator must look at");
  const holds = meter.createUpDownCounter("gen_ai.spend.holds", { description: "What open reservations hold" });
  const attributesOf = ({ unit }: Amount, more: Attributes = {}): Attributes => ({ ...common, unit, ...more });
  return {
    held: (estimate, sign) => holds.add(sign * Number(estimate.amount), attributesOf(estimate)),
    denied: ({ reasonCode, decision, action: { kind, name = "" } }) =>
      denials.add(1, { ...common, reason_code: reasonCode ?? decision, kind, name }),
    settled({ settlement: { charged, refunded, basis = "actual" }, call }) {
      const { kind = "", name = "" } = call?.action ?? {};
      const agent = call?.subject?.agent;
      const whose = { kind, name, ...(agent !== undefined && { agent }) };
      if (charged) spend.add(Number(charged.amount), attributesOf(charged, { ...whose, basis }));
      if (refunded) refunds.add(Number(refunded.amount), attributesOf(refunded, whose));
    },
    deadLetter: ({ protocol }) => deadLetters.add(1, { ...common, protocol }),
  };
}
