import {
  type Amount,
  type CallOptions,
  type Grant,
  type Intent,
  type ReleaseCode,
  type ReleaseReason,
  type ReserveRequest,
  type SettlementInstruction,
  type Spend,
  ValidationError,
} from "@imprest/core";
import { stringifyJson, writeWire } from "@imprest/core/internal";
import { type ProtoStruct, type ReserveRequest as WireReserveRequest, releaseRequest } from "@imprest/core/models/asp";
import { freezeCommit } from "./body-hash.ts";

/** The budget that a call binds against (ASP §3 stage 1). */
export interface Budget {
  readonly budgetId: string;
  readonly windowInstanceId?: string | undefined;
}

/** Finds the budget of a call; the draft has the stage but no message for it, so it is a function of the user's. */
export type ResolveBudget = (request: ReserveRequest, options: Pick<CallOptions, "signal">) => Budget | Promise<Budget>;

/** What a `ReserveRequest<AspExtensions>` may say to ASP alone. */
export type AspExtensions = {
  readonly asp: {
    /** The budget that this call binds against. */
    readonly budget_id?: string | undefined;
    readonly window_instance_id?: string | undefined;
    /** Facts about the caller, over those of the authority and the subject. */
    readonly identity?: ProtoStruct | undefined;
  };
};

/** Defaults of every request of one authority. */
export interface RequestDefaults {
  readonly budget: Budget | ResolveBudget | undefined;
  readonly identity: ProtoStruct | undefined;
  readonly runtimeMetadataKeys: ReadonlySet<string>;
}

/** @throws ValidationError for a request without budget, or with an extension that ASP does not have. */
export async function toWire(
  request: ReserveRequest,
  defaults: RequestDefaults,
  options: CallOptions & { readonly idempotencyKey: string },
): Promise<WireReserveRequest> {
  const { unit, amount: amountAtomic } = request.estimate;
  const { budgetId, windowInstanceId } = await budgetOf(request, defaults, options);
  const identity = identityOf(request, defaults);
  const runtimeMetadata = runtimeMetadataOf(request, defaults.runtimeMetadataKeys);
  return {
    claim: { budgetId, windowInstanceId, unit, amountAtomic, direction: "DEBIT" },
    identity,
    runtimeMetadata,
    idempotencyKey: options.idempotencyKey,
  };
}

/** The budget that a request binds against: its own, else the authority's. @throws ValidationError where there is none. */
export async function budgetOf(
  request: ReserveRequest,
  { budget }: RequestDefaults,
  { signal }: CallOptions,
): Promise<Budget> {
  const { budget_id: budgetId, window_instance_id: windowInstanceId, ...others } = request.extensions?.["asp"] ?? {};
  const [stranger] = Object.keys(others).filter((name) => name !== "identity");
  if (stranger !== undefined) {
    const message = "is no extension of ASP; there are budget_id, window_instance_id and identity";
    throw new ValidationError("reserve", [{ pointer: `/extensions/asp/${stranger}`, message }]);
  }
  if (typeof budgetId === "string") {
    return { budgetId, windowInstanceId: typeof windowInstanceId === "string" ? windowInstanceId : undefined };
  }
  const resolved = typeof budget === "function" ? await budget(request, { signal }) : budget;
  if (resolved !== undefined) return resolved;
  const message = "is missing; give the authority a budget or resolveBudget, or the request extensions.asp.budget_id";
  throw new ValidationError("reserve", [{ pointer: "/extensions/asp/budget_id", message }]);
}

/** Who spends, for the authority's decision: the subject's levels over what is configured. ASP prescribes no shape. */
function identityOf(request: ReserveRequest, { identity }: RequestDefaults): ProtoStruct | undefined {
  const own = request.extensions?.["asp"]?.["identity"];
  const merged = { ...identity, ...request.subject, ...(typeof own === "object" ? own : {}) };
  return Object.keys(merged).length === 0 ? undefined : merged;
}

/** Listed keys with scalar values, and what is done: everything else stays here (ASP §5 "allowlisted scalar keys"). */
function runtimeMetadataOf(
  { action, metadata = {} }: ReserveRequest,
  allowed: ReadonlySet<string>,
): ProtoStruct | undefined {
  const given = { call_type: action.kind, model: action.name, ...metadata };
  const kept = Object.entries(given).filter(([key, value]) => allowed.has(key) && isScalar(value));
  return kept.length === 0 ? undefined : Object.fromEntries(kept);
}

function isScalar(value: unknown): boolean {
  return ["string", "number", "boolean", "bigint"].includes(typeof value);
}

/** What is common to every settlement of one authority. */
interface InstructionBase {
  readonly target: string;
  readonly idempotencyKey: string;
  readonly recordedAtMs: number;
}

/** @throws ValidationError for a spend in another unit, below zero or beyond 38 digits. */
export function prepareInstruction(
  base: InstructionBase,
  grant: Grant,
  intent: Intent,
  hashed: boolean,
): SettlementInstruction {
  const { idempotencyKey } = base;
  const { id: reservationId } = grant;
  const instruction = { protocol: "asp", ...base, reservationId, kind: intent.kind, mode: intent.kind, notBeforeMs: 0 };
  if (intent.kind === "release") {
    const request = { reservationId, idempotencyKey, reasonCodes: [reasonCodeOf(intent.reason)] };
    return { ...instruction, body: stringifyJson(writeWire(releaseRequest, request, "ASP message")) };
  }
  const { amount } = intent.spend;
  refuseOtherUnit(amount, grant);
  const facts = factsOf(intent.spend);
  const request = {
    reservationId,
    idempotencyKey,
    amountAtomicObserved: amount.amount,
    providerResponseFacts: facts,
  };
  return { ...instruction, body: freezeCommit(request, hashed) };
}

function refuseOtherUnit({ unit }: Amount, { reserved }: Grant): void {
  if (unit === reserved.unit) return;
  const message = `is ${unit}, but the reservation is in ${reserved.unit}; a reservation has one unit`;
  throw new ValidationError("commit", [{ pointer: "/unit", message }]);
}

function factsOf({ basis, metrics = {}, metadata, facts }: Spend): ProtoStruct | undefined {
  const { inputTokens, outputTokens, latencyMs, modelVersion, custom } = metrics;
  const all = {
    "imprest.basis": basis === "estimate" ? basis : undefined,
    input_tokens: inputTokens,
    output_tokens: outputTokens,
    latency_ms: latencyMs,
    model_version: modelVersion,
    ...custom,
    ...metadata,
    ...facts,
  };
  return Object.values(all).some((fact) => fact !== undefined) ? all : undefined;
}

/** The kernel's reasons in the draft's words (ASP §4 ReleaseRequest); another is written as a code. */
const reasonCodes: Readonly<Record<Exclude<ReleaseCode, "caller">, string>> = {
  aborted: "run_cancelled",
  timed_out: "client_timeout",
  // The guarded call threw: whether the provider or the caller's own code did is not known, and the authority signs this.
  failed: "call_failed",
  caps: "cap_unsupported",
  malformed: "grant_malformed",
  unused: "nothing_spent",
};

function reasonCodeOf({ code, text }: ReleaseReason): string {
  if (code !== "caller") return reasonCodes[code];
  const slug = text
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, "_")
    .replaceAll(/^_|_$/g, "")
    .slice(0, 64);
  return slug === "" ? "released" : slug;
}
