import type { ReserveRequest, SpendAuthority } from "@imprest/core";

// What a deployment hands to its runtime, and what is handed to it in turn.

/** A `metric` event (ARCP §8.2). A name that begins with `cost.` is a spend of its `unit` (ARCP §9.6). */
export interface Metric {
  readonly name: string;
  /** A decimal text is exact; a number is read as the shortest decimal that stands for it. */
  readonly value: number | bigint | string;
  readonly unit?: string | undefined;
  readonly dimensions?: Readonly<Record<string, unknown>> | undefined;
}

/** What an operation is given beside its arguments. */
export interface OperationContext {
  readonly jobId: string;
  /** Aborts when the job is to stop. */
  readonly signal: AbortSignal;
  /** W3C trace context to hand on (ARCP §11). */
  readonly traceparent: string;
  /** Reports what the operation cost, as a `cost.*` metric. */
  cost(metric: Metric): Promise<void>;
}

/** A tool, by the name it is registered under. */
export type ToolFunction = (args: unknown, operation: OperationContext) => unknown;

/** A model call, by the name of the model. */
export type ModelFunction = (
  call: { readonly model: string; readonly input: unknown },
  operation: OperationContext,
) => unknown;

/** Sends one request; redirects are not followed, since they may lead out of the lease. */
export type FetchFunction = (url: string, init: RequestInit) => Promise<Response>;

/** A file system that agents work on, through paths that their lease covers. */
export interface FileAccess {
  /**
   * Reads a file.
   * @throws ArcpError `PERMISSION_DENIED` outside `fs.read` of the lease.
   */
  read(path: string, options: { readonly signal: AbortSignal }): Promise<Uint8Array>;
  /**
   * Writes a file.
   * @throws ArcpError `PERMISSION_DENIED` outside `fs.write` of the lease.
   */
  write(path: string, bytes: Uint8Array, options: { readonly signal: AbortSignal }): Promise<void>;
  /** Where a path really leads once links are followed; the lease must cover that as well. */
  realPath?(path: string): Promise<string>;
}

/** How the budget of a job is backed by an authority of any protocol. */
export interface JobSettlementOptions {
  readonly authority: SpendAuthority;
  /** The currency of `cost.budget` that is backed: `"USD"`. */
  readonly currency: string;
  /** The authority's unit for it, and its decimal places, at most twelve: `USD_MICROCENTS` has eight. */
  readonly unit: { readonly name: string; readonly scale: number };
  /** More for the request: subject, metadata, what only one protocol knows. */
  readonly request?:
    | ((job: { readonly jobId: string; readonly agent: string; readonly principal: string }) => Partial<ReserveRequest>)
    | undefined;
}
