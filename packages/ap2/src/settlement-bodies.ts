import { type Intent, type SettlementInstruction, Unit } from "@imprest/core";
import { parseJson, stringifyJson } from "@imprest/core/internal";
import { type AttemptPhase, suffixOf } from "./ledger/attempt.ts";
import { keyIn } from "./idempotency-key.ts";
import { shorten } from "./text.ts";

/** What a settlement is written from: the reserve's own bytes, so that any process can write it again alike. */
export interface SettlementBase {
  readonly target: string;
  readonly scope: string;
  /** Tells the attempt apart within its scope. */
  readonly suffix: string;
  readonly reserveBody: string;
  readonly reservationId: string;
  readonly recordedAtMs: number;
}

/** The base of an attempt's settlements. */
export function baseOf(
  target: string,
  scope: string,
  attempt: Parameters<typeof suffixOf>[0] & { readonly reserveBody: string; readonly phase: AttemptPhase },
  reservationId: string,
  recordedAtMs: number,
): SettlementBase {
  return { target, scope, suffix: suffixOf(attempt), reserveBody: attempt.reserveBody, reservationId, recordedAtMs };
}

/** A commit of `microcents`, and the event that takes its place, under the same key, once the reservation has expired. */
export function commitInstruction(
  base: SettlementBase,
  microcents: bigint,
  metadata: Readonly<Record<string, unknown>> | undefined,
): SettlementInstruction & { readonly fallback: string } {
  const { subject, action, estimate, overage_policy } = parseJson(base.reserveBody) as {
    readonly estimate: { readonly unit: string };
    readonly [member: string]: unknown;
  };
  const key = keyIn(base.scope, "commit", base.suffix);
  const actual = { unit: estimate.unit, amount: microcents };
  const tail = metadata && Object.keys(metadata).length > 0 ? { metadata } : {};
  return {
    ...instruction(base, key, "commit"),
    body: stringifyJson({ idempotency_key: key, actual, ...tail }),
    fallback: stringifyJson({ idempotency_key: key, subject, action, actual, overage_policy, ...tail }),
    spent: { unit: estimate.unit, amount: microcents.toString() },
  };
}

/** What the authority books for a movement of `microcents`, and what goes with it. */
export function bookingOf(
  { isRefund }: { readonly isRefund?: boolean | undefined },
  microcents: bigint,
  metadata: Readonly<Record<string, unknown>>,
): { readonly booked: bigint; readonly metadata: Readonly<Record<string, unknown>> } {
  if (!isRefund) return { booked: microcents, metadata };
  return { booked: 0n, metadata: { refund_microcents: microcents.toString(), ...metadata } };
}

/** The kernel's intent for a commit of `microcents`. */
export function commitIntent(microcents: bigint, metadata: Readonly<Record<string, unknown>>): Intent {
  const amount = { unit: Unit.usdMicrocents, amount: microcents };
  return { kind: "commit", spend: { amount, basis: "actual", metadata } };
}

/** A release whose key names why, so that two different ends of one reservation are two requests. */
export function releaseInstruction(base: SettlementBase, reason: string): SettlementInstruction {
  const key = keyIn(base.scope, "release", [base.suffix, reasonSuffix(reason)].filter(Boolean).join("."));
  const body = stringifyJson({ idempotency_key: key, reason: shorten(reason, 256) });
  return { ...instruction(base, key, "release"), body };
}

function instruction(
  { target, reservationId, recordedAtMs }: SettlementBase,
  idempotencyKey: string,
  kind: "commit" | "release",
): Omit<SettlementInstruction, "body"> {
  return { protocol: "cycles", target, reservationId, idempotencyKey, kind, mode: kind, recordedAtMs, notBeforeMs: 0 };
}

const failed = "ap2_guard_failed:";
const aborted = "ap2_guard_aborted:";

/** The reason of a release after the body threw. */
export function failedReason(error: unknown): string {
  const name = error instanceof Error ? error.name : typeof error;
  return `${failed}${name}`;
}

/** The reason of a release that the body asked for. */
export function abortedReason(reason: string): string {
  return `${aborted}${reason}`;
}

/** The Python guard's suffixes; reasons of the kernel become one in its own words. */
function reasonSuffix(reason: string): string {
  if (reason.startsWith(failed)) return reason.slice(failed.length);
  if (reason.startsWith(aborted)) return "Aborted";
  return reason.replaceAll(" ", "_");
}
