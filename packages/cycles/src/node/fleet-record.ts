import { type SettlementInstruction } from "@imprest/core";
import { type ExactJson, parseJson, stringifyJson } from "@imprest/core/internal";

/** The only version of the fleet's record that there is (client recovery profile §"Durable"). */
const recordVersion = 1;

/** One unfinished commit as every Cycles client keeps it. The bodies are the exact text that is sent. */
export interface FleetRecord {
  readonly reservationId: string;
  readonly baseUrl: string;
  readonly mode: "commit" | "event";
  readonly commitBody: string | undefined;
  readonly eventBody: string | undefined;
  /** Epoch milliseconds; 0 when whoever wrote it did not say. */
  readonly recordedAtMs: number;
  /** Epoch milliseconds; 0 for at once. */
  readonly notBeforeMs: number;
}

/** The record's text: the members, and their order, of the other languages' clients. */
export function writeFleetRecord(record: FleetRecord): string {
  const { reservationId, baseUrl, mode, commitBody = "null", eventBody = "null", recordedAtMs, notBeforeMs } = record;
  return (
    `{"version":${recordVersion},"reservation_id":${JSON.stringify(reservationId)},"base_url":${JSON.stringify(baseUrl)},` +
    `"mode":"${mode}","commit_body":${commitBody},"event_fallback_body":${eventBody},` +
    `"recorded_at_ms":${recordedAtMs},"not_before_ms":${notBeforeMs === 0 ? "null" : notBeforeMs}}`
  );
}

/** @throws Error saying what makes the text no record that could be replayed. */
export function readFleetRecord(text: string): FleetRecord {
  const record = parseJson(text);
  if (!isObject(record)) throw new Error("it is not a JSON object");
  const { version, reservation_id: reservationId, base_url: baseUrl, commit_body, event_fallback_body } = record;
  if (version !== recordVersion) throw new Error("its version is not supported");
  if (typeof reservationId !== "string" || reservationId === "") throw new Error("it has no reservation_id");
  // An absent mode is a commit's, a null one is an error: as the other clients have it.
  const mode = record["mode"] === undefined ? "commit" : record["mode"];
  if (mode !== "commit" && mode !== "event") throw new Error("its mode is unknown");
  const commitBody = readBody(commit_body, "commit_body");
  const eventBody = readBody(event_fallback_body, "event_fallback_body");
  if ((mode === "commit" ? commitBody : eventBody) === undefined) throw new Error(`it has no body for its ${mode}`);
  return {
    reservationId,
    baseUrl: typeof baseUrl === "string" ? baseUrl : "",
    mode,
    commitBody,
    eventBody,
    recordedAtMs: readTime(record["recorded_at_ms"]),
    notBeforeMs: readTime(record["not_before_ms"]),
  };
}

/** The settlement that a record stands for. @throws Error when its body holds no key to send it under. */
export function toInstruction(record: FleetRecord, target: string): SettlementInstruction {
  const { reservationId, mode, commitBody, eventBody, recordedAtMs, notBeforeMs } = record;
  const body = (mode === "commit" ? commitBody : eventBody) ?? "";
  const { idempotency_key: idempotencyKey, actual } = parseJson(body) as { readonly [name: string]: ExactJson };
  if (typeof idempotencyKey !== "string" || idempotencyKey === "") throw new Error("its body has no idempotency_key");
  return {
    protocol: "cycles",
    target,
    reservationId,
    idempotencyKey,
    kind: "commit",
    mode,
    body,
    ...(mode === "commit" && eventBody !== undefined && { fallback: eventBody }),
    recordedAtMs,
    notBeforeMs,
    ...spentIn(actual),
  };
}

/**
 * The record of a settlement.
 * @param before the record it replaces: an event's keeps the commit that it stands in for.
 */
export function toFleetRecord(instruction: SettlementInstruction, baseUrl: string, before?: FleetRecord): FleetRecord {
  const { reservationId, body, fallback, recordedAtMs, notBeforeMs } = instruction;
  const common = { reservationId, baseUrl, recordedAtMs, notBeforeMs };
  return instruction.mode === "event"
    ? { ...common, mode: "event", commitBody: before?.commitBody, eventBody: body }
    : { ...common, mode: "commit", commitBody: body, eventBody: fallback };
}

function isObject(value: ExactJson | undefined): value is { [key: string]: ExactJson } {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function readBody(value: ExactJson | undefined, name: string): string | undefined {
  if (value === undefined || value === null) return undefined;
  if (!isObject(value)) throw new Error(`its ${name} is not a JSON object`);
  return stringifyJson(value);
}

function readTime(value: ExactJson | undefined): number {
  return typeof value === "number" && value > 0 && value <= Number.MAX_SAFE_INTEGER ? Math.floor(value) : 0;
}

function spentIn(actual: ExactJson | undefined): Pick<SettlementInstruction, "spent"> {
  if (!isObject(actual)) return {};
  const { unit, amount } = actual;
  const isWhole = typeof amount === "bigint" || (typeof amount === "number" && Number.isSafeInteger(amount));
  return typeof unit === "string" && isWhole ? { spent: { unit, amount: amount.toString() } } : {};
}
