import { createTraceContext, formatTraceparent, type ProtocolError } from "@imprest/core";
import { raceAbort } from "@imprest/core/internal";
import { canonicalPath, canonicalUrl } from "../lease/canonical.ts";
import { Capability, leasePermits } from "../lease/capability.ts";
import { reportMetric, tellAllRemaining } from "./cost.ts";
import { arcpFailure, messageOf, toWireFailure } from "./failure.ts";
import type { FileAccess, OperationContext } from "./handlers.ts";
import type { Job } from "./job.ts";
import type { RuntimeSettings } from "./options.ts";

/** One operation that the lease must cover. */
export interface Operation<Value> {
  readonly capability: string;
  readonly target: string;
  /** False where the runtime's policy allows it without a grant; expiry and budget count all the same. */
  readonly needsPattern?: boolean | undefined;
  /** What the events show: the tool's name and arguments. Never a prompt or a file's content. */
  readonly tool: string;
  readonly args: unknown;
  /** Asked of the target just before it is used: where a path really leads. */
  readonly realTarget?: (() => Promise<string>) | undefined;
  run(context: OperationContext): Value | Promise<Value>;
  /** What `tool_result` shows of the value. */
  shown(value: Value): unknown;
}

/**
 * Whether the job may do this now (ARCP §9.3, §9.5, §9.6).
 * @throws ProtocolError LEASE_EXPIRED, which also stops the job; PERMISSION_DENIED; BUDGET_EXHAUSTED.
 */
export function authorize(
  job: Job,
  settings: RuntimeSettings,
  capability: string,
  target: string,
  needsPattern = true,
): void {
  refuseExpired(job, settings);
  const { lease, budget } = job.terms;
  if (needsPattern && !leasePermits(lease, capability, target)) {
    throw arcpFailure("PERMISSION_DENIED", `The lease does not cover ${capability} on "${target.slice(0, 200)}".`, {
      details: { capability, target: target.slice(0, 1024) },
    });
  }
  refuseExhausted(budget.exhausted, capability);
}

/** @throws ProtocolError LEASE_EXPIRED. */
export function refuseExpired(job: Job, { clock, expiryGraceMs, cancelGraceMs, logger }: RuntimeSettings): void {
  const { expiresAtMonotonicMs, expiresAt } = job.terms;
  if (expiresAtMonotonicMs === undefined) return;
  const lateMs = clock.monotonic() - expiresAtMonotonicMs;
  if (lateMs < 0) return;
  if (lateMs < expiryGraceMs) {
    logger.warn("an operation ran within the grace after its lease's expiry", { jobId: job.id, lateMs });
    return;
  }
  logger.warn("an operation was refused because its lease has expired", { jobId: job.id, expiresAt, lateMs });
  const failure = leaseExpired(expiresAt);
  job.stop(failure, "error", cancelGraceMs);
  throw failure;
}

/** @throws ProtocolError BUDGET_EXHAUSTED. */
export function refuseExhausted(currency: string | undefined, capability: string): void {
  if (currency === undefined) return;
  throw arcpFailure("BUDGET_EXHAUSTED", `${currency} budget exhausted.`, { details: { capability, currency } });
}

export function leaseExpired(expiresAt: string | undefined): ProtocolError {
  return arcpFailure(
    "LEASE_EXPIRED",
    `The lease expired at ${expiresAt ?? "its end"}; cancel and submit again for more time.`,
  );
}

/**
 * Runs one operation between its `tool_call` and its `tool_result`. A refusal is a `tool_result` with an error before
 * it is an exception in the agent, which may go on without the operation (ARCP §9.6).
 * @throws ProtocolError with the refusal; what the operation threw, with an upstream's own words for "no budget" and
 * "not allowed" put into ARCP's; the job's failure when the job stops meanwhile.
 */
export async function runOperation<Value>(
  job: Job,
  settings: RuntimeSettings,
  operation: Operation<Value>,
): Promise<Value> {
  const callId = settings.identifiers.next("call");
  await job.emit("tool_call", { tool: operation.tool, args: operation.args, call_id: callId });
  try {
    if (job.signal.aborted) throw job.signal.reason;
    authorize(job, settings, operation.capability, operation.target, operation.needsPattern);
    if (operation.realTarget !== undefined) {
      const real = await raceAbort(operation.realTarget(), job.signal, "An operation");
      authorize(job, settings, operation.capability, real);
    }
    const context = operationContext(job, settings);
    const value = await raceAbort(Promise.resolve(operation.run(context)), job.signal, "An operation");
    await job.emit("tool_result", { call_id: callId, result: operation.shown(value) });
    return value;
  } catch (error) {
    const known = job.signal.aborted ? job.signal.reason : translated(error, job, settings);
    await job.emit("tool_result", { call_id: callId, error: toWireFailure(known) });
    throw known;
  }
}

/** An upstream's refusal in ARCP's words (ARCP §9.6, §13.7); anything else as it is. */
export function translated(error: unknown, job: Job, settings: RuntimeSettings): unknown {
  const failure = toWireFailure(error);
  const code = failure.code === "INTERNAL_ERROR" ? upstreamCode(error, settings) : undefined;
  if (code === undefined) return error;
  if (code === "BUDGET_EXHAUSTED") tellAllRemaining(job);
  return arcpFailure(code, `The upstream refused: ${messageOf(error)}`, { cause: error });
}

function upstreamCode(error: unknown, { upstreamError, logger }: RuntimeSettings): ReturnType<typeof upstreamError> {
  try {
    return upstreamError(error);
  } catch (failure) {
    logger.error("the mapper of upstream errors failed", { error: messageOf(failure) });
    return undefined;
  }
}

function operationContext(job: Job, settings: RuntimeSettings): OperationContext {
  const span = createTraceContext(settings.options.random, { traceId: job.traceId, spanId: "", flags: "01" });
  return {
    jobId: job.id,
    signal: job.signal,
    traceparent: formatTraceparent(span),
    cost: async (metric) => reportMetric(job, settings, metric),
  };
}

/** Calls a registered tool. */
export function callTool(job: Job, settings: RuntimeSettings, name: string, args: unknown): Promise<unknown> {
  return runOperation<unknown>(job, settings, {
    capability: Capability.toolCall,
    target: name,
    tool: name,
    args: args ?? {},
    run(context) {
      const tools = settings.options.tools ?? {};
      const tool = Object.hasOwn(tools, name) ? tools[name] : undefined;
      if (tool === undefined) throw arcpFailure("INVALID_REQUEST", `The tool "${name}" is not registered.`);
      return tool(args, context);
    },
    shown: (value) => value,
  });
}

export function readFile(job: Job, settings: RuntimeSettings, path: string): Promise<Uint8Array> {
  return runOperation(job, settings, {
    ...fileOperation(settings, "fs.read", path),
    run: ({ signal }) => fileAccess(settings).read(canonicalPath(path) ?? path, { signal }),
    shown: (bytes) => ({ byte_size: bytes.length }),
  });
}

export function writeFile(job: Job, settings: RuntimeSettings, path: string, bytes: Uint8Array): Promise<void> {
  return runOperation(job, settings, {
    ...fileOperation(settings, "fs.write", path),
    run: ({ signal }) => fileAccess(settings).write(canonicalPath(path) ?? path, bytes, { signal }),
    shown: () => ({ byte_size: bytes.length }),
  });
}

function fileOperation(
  settings: RuntimeSettings,
  capability: "fs.read" | "fs.write",
  path: string,
): Pick<Operation<unknown>, "capability" | "target" | "tool" | "args" | "realTarget"> {
  const { files } = settings.options;
  const realTarget =
    files?.realPath === undefined
      ? undefined
      : async () => (await files.realPath?.(canonicalPath(path) ?? path)) ?? path;
  return { capability, target: path, tool: capability, args: { path }, realTarget };
}

function fileAccess(settings: RuntimeSettings): FileAccess {
  const { files } = settings.options;
  if (files === undefined) throw arcpFailure("INVALID_REQUEST", "This runtime gives agents no files.");
  return files;
}

/** Fetches a URL; a redirect comes back as it is, so that the agent asks for its target in turn. */
export function fetchUrl(job: Job, settings: RuntimeSettings, url: string, init: RequestInit = {}): Promise<Response> {
  return runOperation(job, settings, {
    capability: Capability.netFetch,
    target: url,
    tool: Capability.netFetch,
    // Without query and user name: either may hold a secret.
    args: { url: canonicalUrl(url) ?? "(no URL that a lease can cover)", method: init.method ?? "GET" },
    run({ signal, traceparent }) {
      const headers = new Headers(init.headers);
      if (!headers.has("traceparent")) headers.set("traceparent", traceparent);
      const send = settings.options.fetch ?? ((target: string, options: RequestInit) => fetch(target, options));
      return send(new URL(url).href, { ...init, headers, signal: init.signal ?? signal, redirect: "manual" });
    },
    shown: (response) => ({ status: response.status }),
  });
}

/** Whether a model must match a pattern: always, but for a lease without `model.use` where the runtime does not ask. */
export function needsModelPattern(job: Job, { options }: RuntimeSettings): boolean {
  return options.requireModelUse !== false || Object.hasOwn(job.terms.lease, Capability.modelUse);
}

/** Calls a model (ARCP §9.7). Without `model.use` in the lease the runtime's own policy decides. */
export function useModel(job: Job, settings: RuntimeSettings, model: string, input: unknown): Promise<unknown> {
  return runOperation<unknown>(job, settings, {
    capability: Capability.modelUse,
    target: model,
    needsPattern: needsModelPattern(job, settings),
    tool: Capability.modelUse,
    args: { model },
    run(context) {
      const call = settings.options.models;
      if (call === undefined) throw arcpFailure("INVALID_REQUEST", "This runtime gives agents no models.");
      return call({ model, input }, context);
    },
    shown: () => ({}),
  });
}
