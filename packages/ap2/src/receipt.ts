import { Unit } from "@imprest/core";
import { policyKeys } from "./bodies.ts";
import type { AP2Mandate } from "./mandate.ts";

/** Signed evidence of an authority's answer, as a receipt carries it. */
export interface ReceiptEvidence {
  readonly evidence_id: string;
  readonly cycles_evidence_url?: string | undefined;
  /** The signed envelope's own text, once it was fetched. */
  readonly envelope?: string | undefined;
}

/**
 * What the guard knows of one payment, to be kept beside AP2's own evidence. It is written by this client and signed by
 * nobody; `evidence` is what a third party can check (`verifyReceipt` of `@imprest/ap2/verify`).
 */
export interface PaymentReceipt {
  readonly schema: string;
  /** `"ALLOW"`, `"ALLOW_WITH_CAPS"`, or the authority's word for No. */
  readonly decision: string;
  readonly reservation_id?: string | undefined;
  readonly tenant?: string | undefined;
  readonly agent?: string | undefined;
  readonly ap2_transaction_id: string;
  readonly checkout_hash?: string | undefined;
  readonly action_kind: string;
  readonly amount_unit: string;
  /** What was committed; of a denial, what was asked for. */
  readonly amount_micros: bigint;
  readonly policy_keys: { readonly host: string; readonly custom: Readonly<Record<string, string>> };
  /** Epoch milliseconds on this client's clock. */
  readonly issued_at_ms: number;
  readonly committed: boolean;
  /** The authority's reason for a No. */
  readonly reason_code?: string | undefined;
  readonly psp_ref?: string | undefined;
  /** Every other attached field. */
  readonly extra?: Readonly<Record<string, unknown>> | undefined;
  readonly evidence?: ReceiptEvidence | undefined;
}

/** What a receipt is made of. */
export interface ReceiptInput {
  readonly mandate: AP2Mandate;
  readonly decision: string;
  readonly reservationId?: string | undefined;
  readonly tenant?: string | undefined;
  readonly agent?: string | undefined;
  readonly actionKind: string;
  readonly amount: bigint;
  readonly issuedAtMs: number;
  readonly committed: boolean;
  readonly reasonCode?: string | undefined;
  /** Attached fields; `psp_ref` stands on its own when it is text. */
  readonly fields?: Readonly<Record<string, unknown>> | undefined;
  readonly evidence?: { readonly id: string; readonly url?: string | undefined } | undefined;
}

/** The receipt of one payment or of its denial, members in the order of the Python guard's. */
export function buildReceipt(input: ReceiptInput): PaymentReceipt {
  const { mandate, reservationId, tenant, agent, reasonCode, fields = {}, evidence } = input;
  const { psp_ref: reference, ...others } = fields;
  const pspRef = typeof reference === "string" ? reference : undefined;
  const extra = pspRef === undefined && reference !== undefined ? fields : others;
  return printable({
    schema: `runtime_authority.ap2.${input.actionKind}.v1`,
    decision: input.decision,
    ...(reservationId !== undefined && { reservation_id: reservationId }),
    ...(tenant && { tenant }),
    ...(agent && { agent }),
    ap2_transaction_id: mandate.transactionId,
    ...(mandate.checkoutHash && { checkout_hash: mandate.checkoutHash }),
    action_kind: input.actionKind,
    amount_unit: Unit.usdMicrocents,
    amount_micros: input.amount,
    policy_keys: policyKeys(mandate, "payment_currency"),
    issued_at_ms: input.issuedAtMs,
    committed: input.committed,
    ...(reasonCode !== undefined && { reason_code: reasonCode }),
    ...(pspRef !== undefined && { psp_ref: pspRef }),
    ...(Object.keys(extra).length > 0 && { extra }),
    ...(evidence && {
      evidence: { evidence_id: evidence.id, ...(evidence.url !== undefined && { cycles_evidence_url: evidence.url }) },
    }),
  });
}

/**
 * The receipt, for which `JSON.stringify` works: an integer is written as a number where a number holds it, and else as
 * text. `stringifyJson` and its like find the same.
 */
export function printable(receipt: PaymentReceipt): PaymentReceipt {
  return Object.defineProperty(receipt, "toJSON", { value: () => plain(receipt) });
}

function plain(value: unknown): unknown {
  if (typeof value === "bigint") return value <= Number.MAX_SAFE_INTEGER ? Number(value) : value.toString();
  if (typeof value !== "object" || value === null) return value;
  if (Array.isArray(value)) return value.map(plain);
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, plain(member)]));
}
