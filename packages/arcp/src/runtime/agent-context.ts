import { formatTraceparent, createTraceContext } from "@imprest/core";
import type { ArtifactRefBody, ProgressBody, WireLease } from "@imprest/core/models/arcp";
import { LeaseAuthority, type LeaseAuthorityOptions } from "../authority.ts";
import { canonicalUrl } from "../lease/canonical.ts";
import { formatMoney } from "../lease/money.ts";
import { reportMetric } from "./cost.ts";
import type { Metric } from "./handlers.ts";
import type { CredentialDesk } from "./credentials.ts";
import type { DelegatedJob, Delegation } from "./delegation.ts";
import { arcpFailure } from "./failure.ts";
import type { Job, JobCredential } from "./job.ts";
import { authorize, callTool, fetchUrl, readFile, runOperation, useModel, writeFile } from "./operations.ts";
import { leaseBooks } from "./lease-books.ts";
import type { RuntimeSettings } from "./options.ts";
import type { ResultWriter } from "./result-writer.ts";

/** An agent: takes a job, returns its result. What it throws ends the job with an error. */
export type AgentFunction<Input = unknown> = (context: AgentContext<Input>) => unknown;

/** What the context of one job is made of. */
export interface AgentSurroundings {
  readonly settings: RuntimeSettings;
  readonly job: Job;
  readonly result: ResultWriter;
  /** Absent where the runtime issues none. */
  readonly credentials: CredentialDesk | undefined;
  delegate(delegation: Delegation): Promise<DelegatedJob>;
}

/**
 * What an agent works with: a method for each kind of event, and the operations that its lease covers. Awaiting a
 * method waits for a client that is behind; what is sent after the job has ended is dropped. Methods are called on the
 * context itself: taken out of it they do not work.
 */
export class AgentContext<Input = unknown> {
  /** Streams the result (ARCP §8.4); an agent that uses it returns nothing. */
  readonly result: ResultWriter;
  readonly #surroundings: AgentSurroundings;
  readonly #settings: RuntimeSettings;
  readonly #job: Job;

  /** @internal Made by a runtime. */
  constructor(surroundings: AgentSurroundings) {
    this.#surroundings = surroundings;
    this.#settings = surroundings.settings;
    this.#job = surroundings.job;
    this.result = surroundings.result;
  }

  get jobId(): string {
    return this.#job.id;
  }

  /** `name@version`. */
  get agent(): string {
    return this.#job.terms.agent;
  }

  /** As the agent's schema reads it, where it was registered with one. */
  get input(): Input {
    return this.#job.terms.input as Input;
  }

  get principal(): string {
    return this.#job.principal;
  }

  get lease(): WireLease {
    return this.#job.terms.lease;
  }

  /** ISO 8601; absent when the lease does not expire. */
  get expiresAt(): string | undefined {
    return this.#job.terms.expiresAt;
  }

  /** Aborts when the job is to stop; its reason says why. */
  get signal(): AbortSignal {
    return this.#job.signal;
  }

  /** 32 hex digits, shared by the whole tree of jobs. */
  get traceId(): string {
    return this.#job.traceId;
  }

  /** W3C trace context of a fresh span, to hand on (ARCP §11). */
  get traceparent(): string {
    const parent = { traceId: this.#job.traceId, spanId: "", flags: "01" };
    return formatTraceparent(createTraceContext(this.#settings.options.random, parent));
  }

  /** What is left of a budget as a plain decimal; `undefined` for a currency without a ceiling. */
  remaining(currency: string): string | undefined {
    const units = this.#job.terms.budget.remaining(currency);
    return units === undefined ? undefined : formatMoney(units);
  }

  /** Keys for upstream services; `value` prints as `[redacted]`. */
  get credentials(): readonly JobCredential[] {
    return this.#job.credentials;
  }

  /** The credential whose endpoint covers `url`: it must not be presented anywhere else (ARCP §9.8.1). */
  credentialFor(url: string): JobCredential | undefined {
    const target = canonicalUrl(url);
    if (target === undefined) return undefined;
    return this.#job.credentials.find(({ endpoint }) => {
      const base = canonicalUrl(endpoint);
      return base !== undefined && (target === base || target.startsWith(base.endsWith("/") ? base : `${base}/`));
    });
  }

  /** Asks the provisioner for a new value under the same id. @throws ProtocolError without provisioning. */
  async rotateCredential(id: string): Promise<void> {
    const { credentials } = this.#surroundings;
    if (credentials === undefined) throw arcpFailure("INVALID_REQUEST", "This runtime issues no credentials.");
    await credentials.rotate(this.#job, id);
  }

  /** Levels: `trace debug info warn error critical`. */
  async log(level: string, message: string, attributes?: Readonly<Record<string, unknown>>): Promise<void> {
    await this.#job.emit("log", { level, message, ...(attributes === undefined ? {} : { attributes }) });
  }

  /** Sends a `thought` event. */
  async thought(text: string): Promise<void> {
    await this.#job.emit("thought", { text });
  }

  /** Sends a `status` event. */
  async status(phase: string, message?: string): Promise<void> {
    await this.#job.emit("status", { phase, ...(message === undefined ? {} : { message }) });
  }

  /** @throws ProtocolError INVALID_REQUEST for a negative cost or a value that is no number; nothing is counted. */
  metric(metric: Metric): Promise<void> {
    const sent = (async () => reportMetric(this.#job, this.#settings, metric))();
    // An agent that does not wait must not bring the process down with a refused metric.
    sent.catch(() => {});
    return sent;
  }

  /** Sends an `artifact_ref` event. */
  async artifact(artifact: ArtifactRefBody): Promise<void> {
    await this.#job.emit("artifact_ref", { ...artifact });
  }

  /**
   * Not sent to a client that did not negotiate `progress`.
   * @throws ProtocolError INVALID_REQUEST for a negative number, or `current` above `total`.
   */
  async progress(progress: ProgressBody): Promise<void> {
    const { current, total } = progress;
    if (!(current >= 0) || (total !== undefined && !(total >= current))) {
      throw arcpFailure("INVALID_REQUEST", "progress needs 0 <= current <= total (ARCP §8.2.1).");
    }
    const { progressNeedsFeature } = this.#settings.dialect;
    if (progressNeedsFeature && [...this.#job.submitters].some(({ features }) => !features.has("progress"))) {
      throw arcpFailure("INVALID_REQUEST", "Cannot emit progress event without negotiated 'progress' feature");
    }
    await this.#job.emit("progress", { ...progress }, { feature: "progress" });
  }

  /** An event of a vendor's own kind, `x-vendor.<vendor>.<name>`. @throws ProtocolError INVALID_REQUEST for another. */
  async vendor(kind: string, body: Readonly<Record<string, unknown>>): Promise<void> {
    if (!kind.startsWith("x-vendor.")) throw arcpFailure("INVALID_REQUEST", "A vendor's kind begins with x-vendor.");
    await this.#job.emit(kind, body);
  }

  /**
   * Calls a registered tool, between a `tool_call` and a `tool_result`. @throws ProtocolError PERMISSION_DENIED,
   * BUDGET_EXHAUSTED or LEASE_EXPIRED when the lease does not cover it; whatever the tool throws.
   */
  callTool(name: string, args?: unknown): Promise<unknown> {
    return callTool(this.#job, this.#settings, name, args);
  }

  /**
   * Runs a tool of the agent's own under the lease's `tool.call`, as `callTool` runs a registered one.
   * @throws as `callTool`.
   */
  withTool<Value>(name: string, args: unknown, run: () => Value | Promise<Value>): Promise<Value> {
    return runOperation(this.#job, this.#settings, {
      capability: "tool.call",
      target: name,
      tool: name,
      args: args ?? {},
      run,
      shown: (value) => value,
    });
  }

  /** Reads a file that `fs.read` covers. @throws as `callTool`. */
  readFile(path: string): Promise<Uint8Array> {
    return readFile(this.#job, this.#settings, path);
  }

  /** Writes a file that `fs.write` covers. @throws as `callTool`. */
  writeFile(path: string, bytes: Uint8Array): Promise<void> {
    return writeFile(this.#job, this.#settings, path, bytes);
  }

  /** Fetches a URL that `net.fetch` covers; a redirect is returned, not followed. @throws as `callTool`. */
  fetch(url: string, init?: RequestInit): Promise<Response> {
    return fetchUrl(this.#job, this.#settings, url, init);
  }

  /** Calls a model that `model.use` covers. @throws as `callTool`. */
  useModel(model: string, input: unknown): Promise<unknown> {
    return useModel(this.#job, this.#settings, model, input);
  }

  /** Checks the lease for an operation of a vendor's capability, without events. @throws as `callTool`. */
  authorize(capability: string, target: string): void {
    authorize(this.#job, this.#settings, capability, target);
  }

  /** The job's lease as a spend authority: `guard(context.authority(), request, call)` (see `LeaseAuthority`). */
  authority(options?: LeaseAuthorityOptions): LeaseAuthority {
    return new LeaseAuthority(leaseBooks(this.#job, this.#settings), options);
  }

  /**
   * Hands work to another agent under a part of this job's lease (ARCP §10).
   * @throws ProtocolError LEASE_SUBSET_VIOLATION, PERMISSION_DENIED, BUDGET_EXHAUSTED, LEASE_EXPIRED or
   * AGENT_NOT_AVAILABLE; each is a `tool_result` on this job first.
   */
  delegate(delegation: Delegation): Promise<DelegatedJob> {
    return this.#surroundings.delegate(delegation);
  }
}
