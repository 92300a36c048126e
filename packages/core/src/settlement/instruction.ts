import { readAmount } from "../amount/amount-text.ts";
import type { RecordValue } from "../records/record-store.ts";
import type { SettlementInstruction } from "../authority/settlement.ts";

/** What the key of every unfinished settlement begins with, whichever authority it is of. */
export const settlementKeys = "settlement:";

/** Where the unfinished settlements of one authority stand in a store. */
export function instructionPrefix(protocol: string, target: string): string {
  return `${settlementKeys}${protocol}:${target}:`;
}

/**
 * One key a settlement: a redelivered job that settles the same reservation with the same amount under the same key
 * finds the first. A release and a commit, or two amounts, are different settlements and must never stand for each other.
 */
export function instructionKey({
  protocol,
  target,
  reservationId,
  idempotencyKey,
  kind,
  spent,
}: SettlementInstruction): string {
  const what = kind === "release" ? kind : `${kind}:${spent?.amount ?? "?"}`;
  return `${instructionPrefix(protocol, target)}${reservationId}:${idempotencyKey}:${what}`;
}

/** Reads a record back; `undefined` when it is not a settlement this version can send. */
export function readInstruction(value: RecordValue | undefined): SettlementInstruction | undefined {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return undefined;
  const {
    protocol,
    target,
    reservationId,
    idempotencyKey,
    kind,
    mode,
    body,
    fallback,
    recordedAtMs,
    notBeforeMs,
    spent,
    traceparent,
  } = value as Record<string, RecordValue>;
  if (kind !== "commit" && kind !== "release") return undefined;
  const strings = { protocol, target, reservationId, idempotencyKey, mode, body };
  if (!Object.values(strings).every((member) => typeof member === "string" && member !== "")) return undefined;
  if ([fallback, traceparent].some((text) => text !== undefined && typeof text !== "string")) return undefined;
  if (!Number.isSafeInteger(recordedAtMs) || !Number.isSafeInteger(notBeforeMs)) return undefined;
  if (spent !== undefined && readAmount(spent) === undefined) return undefined;
  return value as unknown as SettlementInstruction;
}

/** A settlement as a record holds it. */
export function writeInstruction(instruction: SettlementInstruction): RecordValue {
  const { fallback, spent, traceparent, ...required } = instruction;
  return {
    ...required,
    ...(fallback !== undefined && { fallback }),
    ...(spent !== undefined && { spent }),
    ...(traceparent !== undefined && { traceparent }),
  };
}
