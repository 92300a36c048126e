import {
  type Action,
  type Amount,
  type Attempt,
  type Grant,
  type Intent,
  type Metadata,
  type Metrics,
  type Settlement,
  type SettlementInstruction,
  type Spend,
  type Subject,
  ValidationError,
  type ValidationIssue,
} from "@imprest/core";
import { int64Max, parseJson, stringifyJson } from "@imprest/core/internal";
import type { StandardMetrics } from "@imprest/core/models/cycles";
import type { OveragePolicy } from "../ledger/overage-policy.ts";
import type { Ledger } from "../ledger/ledger.ts";
import { LedgerRefusal } from "../ledger/refusal.ts";
import { type ScopeBalance, readSnapshot } from "../ledger/snapshot.ts";
import { type TenantDefaults, complete } from "./spend-request.ts";

/** The mark in `metadata` of an amount that stands in for a measured one; the Cycles client writes the same. */
const estimateMark = "imprest.basis";

/** What a commit says, as it stands in a settlement's body. */
export interface CommitBody {
  readonly actual: Amount;
  readonly metrics?: Metrics | undefined;
  readonly metadata?: Metadata | undefined;
}

/** What the late path says: the same spend as an event. */
interface EventBody extends CommitBody {
  readonly subject: Subject;
  readonly action: Action;
  readonly overagePolicy?: OveragePolicy | undefined;
}

/** Integers below 2^53 come back from JSON as numbers. */
interface ReadBody extends Omit<CommitBody, "actual"> {
  readonly actual: { readonly unit: string; readonly amount: bigint | number };
}

type Stamp = Pick<SettlementInstruction, "protocol" | "target" | "idempotencyKey" | "recordedAtMs">;

/** @throws ValidationError for a spend that the Cycles wire would refuse too, such as one in another unit. */
export function prepareInstruction(
  stamp: Stamp,
  grant: Grant,
  intent: Intent,
  defaults: TenantDefaults,
): SettlementInstruction {
  const instruction = { ...stamp, reservationId: grant.id, kind: intent.kind, mode: intent.kind, notBeforeMs: 0 };
  if (intent.kind === "release") {
    const reason = Array.from(intent.reason.text).slice(0, 256).join("");
    return { ...instruction, body: stringifyJson({ reason }) };
  }
  const { amount: actual, metrics } = intent.spend;
  if (actual.unit !== grant.reserved.unit) {
    const message = `is ${actual.unit}, but the reservation is in ${grant.reserved.unit}; a reservation has one unit`;
    throw new ValidationError("commit", [{ pointer: "/actual/unit", message }]);
  }
  const metadata = metadataOf(intent.spend);
  checkCommit(actual, metrics);
  const commit: CommitBody = { actual, metrics, metadata };
  const { subject, action, overagePolicy } = complete(grant.request, defaults);
  const event: EventBody = { ...commit, subject, action, overagePolicy };
  return { ...instruction, body: stringifyJson(commit), fallback: stringifyJson(event) };
}

/**
 * What the shape of a commit asks (Cycles §CommitRequest). It is asked by hand: the readers of wires would weigh more in a
 * Worker than the whole face.
 * @throws ValidationError naming each member.
 */
function checkCommit({ amount: spent }: Amount, metrics: Metrics | undefined): void {
  const issues: ValidationIssue[] = [];
  const expect = (holds: boolean, pointer: string, message: string): void => {
    if (!holds) issues.push({ pointer, message });
  };
  expect(
    typeof spent === "bigint" && spent >= 0n && spent <= int64Max,
    "/actual/amount",
    "must be an int64, 0 or more",
  );
  for (const [name, value] of Object.entries(writeMetrics(metrics) ?? {})) {
    if (value === undefined || value === null) continue;
    const pointer = `/metrics/${name}`;
    if (name === "custom") expect(typeof value === "object" && !Array.isArray(value), pointer, "must be a JSON object");
    else if (name === "model_version") expect(isText(value, 128), pointer, "must be a text of at most 128 characters");
    else expect(Number.isSafeInteger(value) && value >= 0, pointer, "must be a whole number, 0 or more");
  }
  if (issues.length > 0) throw new ValidationError("commit", issues);
}

function isText(value: unknown, most: number): boolean {
  return typeof value === "string" && Array.from(value).length <= most;
}

/**
 * Settles with the ledger. An expired reservation gives way to the late path.
 * @throws LedgerRefusal for what is refused for good.
 */
export function performInstruction(ledger: Ledger, tenant: string, instruction: SettlementInstruction): Attempt {
  const { reservationId, idempotencyKey } = instruction;
  const origin = { tenant, reservationId, idempotencyKey };
  try {
    switch (instruction.mode) {
      case "commit": {
        const { actual, ...spend } = readSpend(instruction.body);
        const { unit, charged, released, balances } = ledger.commit({ ...origin, ...spend, actual });
        const refunded = released === 0n ? {} : { refunded: amount(unit, released) };
        const amounts = { charged: amount(unit, charged), ...refunded, ...debtIn(balances, unit) };
        return { settled: { ...settled(instruction, "committed", spend), ...amounts } };
      }
      case "release": {
        const { reason } = parseJson(instruction.body) as { readonly reason?: string };
        const { unit, released } = ledger.release({ ...origin, reason });
        return { settled: { ...settled(instruction, "released"), refunded: amount(unit, released) } };
      }
      case "event": {
        const event = { ...(parseJson(instruction.body) as unknown as EventBody), ...readSpend(instruction.body) };
        const recorded = ledger.recordEvent({ tenant, idempotencyKey, ...event });
        const { unit, charged, scopePaths = [], snapshot = "" } = recorded;
        const rest = debtIn(readSnapshot(snapshot, scopePaths, unit), unit);
        return { settled: { ...settled(instruction, "recorded", event), charged: amount(unit, charged), ...rest } };
      }
      default: {
        const message = `is "${instruction.mode}"; this authority settles by commit, release or event`;
        return { rejected: new ValidationError("settlement", [{ pointer: "/mode", message }]) };
      }
    }
  } catch (error) {
    if (!(error instanceof LedgerRefusal) || error.reason !== "RESERVATION_EXPIRED") throw error;
    const { fallback, ...rest } = instruction;
    // A release after the expiry: the ledger has given the budget back by itself.
    if (instruction.mode === "release") return { settled: settled(instruction, "released") };
    if (fallback === undefined) throw error;
    return { next: { ...rest, mode: "event", body: fallback, notBeforeMs: 0 } };
  }
}

/** Each scope keeps its own debt; the largest is the one to repay first. */
function debtIn(balances: readonly ScopeBalance[] = [], unit: string): Pick<Settlement, "debt"> {
  const largest = balances.reduce((most, { debt }) => (debt > most ? debt : most), 0n);
  return largest === 0n ? {} : { debt: amount(unit, largest) };
}

/** @param spend of what was committed or recorded; nothing for a release. */
function settled(
  { reservationId, idempotencyKey }: SettlementInstruction,
  status: Settlement["status"],
  spend?: Pick<CommitBody, "metadata">,
): Settlement {
  if (spend === undefined) return { status, reservationId, idempotencyKey };
  const basis = spend.metadata?.[estimateMark] === "estimate" ? "estimate" : "actual";
  return { status, reservationId, idempotencyKey, basis };
}

/** The spend of a commit or an event, as it stands in a settlement's body. */
export function readSpend(body: string): CommitBody {
  const { actual, metrics, metadata } = parseJson(body) as unknown as ReadBody;
  return { actual: { unit: actual.unit, amount: BigInt(actual.amount) }, metrics, metadata };
}

/** The wire's words for the neutral metrics. */
export function writeMetrics(metrics: Metrics | undefined): StandardMetrics | undefined {
  if (metrics === undefined) return undefined;
  const { inputTokens, outputTokens, latencyMs, modelVersion, custom } = metrics;
  return {
    tokens_input: inputTokens,
    tokens_output: outputTokens,
    latency_ms: latencyMs,
    model_version: modelVersion,
    custom,
  };
}

function metadataOf({ basis, metadata, facts }: Spend): Metadata | undefined {
  const mark = basis === "estimate" ? { [estimateMark]: "estimate" } : undefined;
  return metadata || facts || mark ? { ...metadata, ...facts, ...mark } : undefined;
}

function amount(unit: string, value: bigint): Amount {
  return { unit, amount: value };
}
