import {
  type Amount,
  type EvidenceReference,
  type Grant,
  type Intent,
  type Metadata,
  type Metrics,
  type Settlement,
  type SettlementInstruction,
  type Spend,
  ValidationError,
} from "@imprest/core";
import { parseJson, parseWire, stringifyJson } from "@imprest/core/internal";
import {
  type CommitResponse,
  type CyclesEvidenceRef,
  type EventCreateResponse,
  type ReleaseResponse,
  type StandardMetrics,
  amount,
  commitRequest,
} from "@imprest/core/models/cycles";
import { metadataOf } from "./metadata.ts";
import { type RequestDefaults, actionOf, termsOf } from "./request.ts";

/** The mark in `metadata` of an amount that was not measured but stands in for one. */
const estimateMark = { "imprest.basis": "estimate" } as const;

/** The mark as it stands in a body. Within a text it would be escaped, so finding it needs no parsing. */
const writtenMark = stringifyJson(estimateMark).slice(1, -1);

/** How many characters the wire takes for a reason (Cycles §ReleaseRequest). */
const longestReason = 256;

/** What is common to every settlement of one authority. */
interface InstructionBase {
  readonly target: string;
  readonly idempotencyKey: string;
  readonly recordedAtMs: number;
}

/** @throws ValidationError for a spend that the wire would refuse, such as one in another unit. */
export function prepareInstruction(
  base: InstructionBase,
  grant: Grant,
  intent: Intent,
  defaults: RequestDefaults,
): SettlementInstruction {
  const instruction = { protocol: "cycles", ...base, reservationId: grant.id, kind: intent.kind, notBeforeMs: 0 };
  if (intent.kind === "commit") {
    return { ...instruction, mode: "commit", ...writeCommit(base.idempotencyKey, grant, intent.spend, defaults) };
  }
  const reason = Array.from(intent.reason.text).slice(0, longestReason).join("");
  return { ...instruction, mode: "release", body: stringifyJson({ idempotency_key: base.idempotencyKey, reason }) };
}

function writeCommit(
  idempotencyKey: string,
  grant: Grant,
  spend: Spend,
  defaults: RequestDefaults,
): Required<Pick<SettlementInstruction, "body" | "fallback">> {
  const { amount: actual } = spend;
  if (actual.unit !== grant.reserved.unit) {
    const message = `is ${actual.unit}, but the reservation is in ${grant.reserved.unit}; a reservation has one unit`;
    throw new ValidationError("commit", [{ pointer: "/actual/unit", message }]);
  }
  const metrics = spend.metrics && metricsToWire(spend.metrics);
  const metadata = metadataOfSpend(spend);
  const tail = { metrics, metadata };
  const commit = parseWire(commitRequest, { idempotency_key: idempotencyKey, actual, ...tail }, "commit");
  const { request } = grant;
  const terms = termsOf(request, defaults);
  const event = {
    idempotency_key: idempotencyKey,
    subject: request.subject,
    action: actionOf(request, terms),
    actual,
    overage_policy: terms.overage_policy,
    ...tail,
  };
  return { body: stringifyJson(commit), fallback: stringifyJson(event) };
}

/** The late path: the same spend, under the same key, as an event (client recovery profile §"Expired"). */
export function asEvent(instruction: SettlementInstruction & { readonly fallback: string }): SettlementInstruction {
  const { fallback, ...rest } = instruction;
  return { ...rest, mode: "event", body: fallback, notBeforeMs: 0 };
}

/** A commit that the authority took. */
export function committed(instruction: SettlementInstruction, answer: CommitResponse): Settlement {
  const { charged, released, cycles_evidence: evidence } = answer;
  return {
    ...outcome(instruction, "committed", answer),
    charged,
    refunded: released,
    ...debtIn(answer),
    evidence: evidence && evidenceReference(evidence),
  };
}

/** An event that the authority booked; it names the charge only where it capped it (Cycles §EventCreateResponse). */
export function recorded(instruction: SettlementInstruction, answer: EventCreateResponse): Settlement {
  const charged = answer.charged ?? actualOf(instruction);
  return {
    ...outcome(instruction, "recorded", answer),
    ...(charged !== undefined && { charged }),
    ...debtIn(answer),
  };
}

/** A reservation that was given back. */
export function released(instruction: SettlementInstruction, answer: ReleaseResponse): Settlement {
  const { released: refunded, cycles_evidence: evidence } = answer;
  return {
    ...outcome(instruction, "released", answer),
    refunded,
    evidence: evidence && evidenceReference(evidence),
  };
}

/** A release that came after the expiry: the authority has given the budget back by itself. */
export function expired(
  instruction: SettlementInstruction,
  ids: Pick<Settlement, "requestId" | "traceId">,
): Settlement {
  const { reservationId, idempotencyKey } = instruction;
  const { requestId, traceId } = ids;
  return { status: "released", reservationId, idempotencyKey, requestId, traceId };
}

export function evidenceReference({ evidence_id: id, cycles_evidence_url: url }: CyclesEvidenceRef): EvidenceReference {
  return { id, url };
}

function outcome(instruction: SettlementInstruction, status: Settlement["status"], answer: object): Settlement {
  const { reservationId, idempotencyKey } = instruction;
  return {
    status,
    reservationId,
    idempotencyKey,
    basis: instruction.kind === "commit" ? basisOf(instruction.body) : undefined,
    ...idsOf(answer),
  };
}

function basisOf(body: string): Spend["basis"] {
  return body.includes(writtenMark) ? "estimate" : "actual";
}

/** The ids that an answer came with. */
export function idsOf(answer: object): Pick<Settlement, "requestId" | "traceId"> {
  const { requestId, traceId } = metadataOf(answer) ?? {};
  return { requestId, traceId };
}

/** Cycles §Balance: each scope keeps its own debt; the largest is the one to repay first. */
function debtIn({ balances = [] }: CommitResponse | EventCreateResponse): Pick<Settlement, "debt"> {
  let largest: Amount | undefined;
  for (const { debt } of balances) if (debt !== undefined && debt.amount > (largest?.amount ?? 0n)) largest = debt;
  return largest === undefined ? {} : { debt: { unit: largest.unit, amount: largest.amount } };
}

/** What was spent: as the kernel noted it beside the body, or out of the body. */
function actualOf({ spent, body }: SettlementInstruction): Amount | undefined {
  if (spent !== undefined) return { unit: spent.unit, amount: BigInt(spent.amount) };
  const { actual } = parseJson(body) as { readonly actual?: unknown };
  const read = amount.safeParse(actual);
  return read.success ? read.data : undefined;
}

function metricsToWire(metrics: Metrics): StandardMetrics {
  const { inputTokens, outputTokens, latencyMs, modelVersion, custom } = metrics;
  return {
    tokens_input: inputTokens,
    tokens_output: outputTokens,
    latency_ms: latencyMs,
    model_version: modelVersion,
    custom,
  };
}

/** A wire without a place of its own for a protocol's facts keeps them with the metadata. */
function metadataOfSpend({ basis, metadata, facts }: Spend): Metadata | undefined {
  const mark = basis === "estimate" ? estimateMark : undefined;
  return metadata || facts || mark ? { ...metadata, ...facts, ...mark } : undefined;
}
