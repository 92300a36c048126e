import {
  type ApiKeySource,
  type CallOptions,
  ConfigurationError,
  ResponseFormatError,
  ValidationError,
  createIdempotencyKey,
} from "@imprest/core";
import { parseJson, parseWire, writeWire } from "@imprest/core/internal";
import {
  type AuthorityMetadata,
  type CommitRequest,
  type CommitResponse,
  type QueryBudgetRequest,
  type QueryBudgetResponse,
  type RefundRequest,
  type RefundResponse,
  type ReleaseRequest,
  type ReleaseResponse,
  type ReserveRequest,
  type ReserveResponse,
  aspMetadataPath,
  commitRequest,
  queryBudgetRequest,
  authorityMetadata,
  refundRequest,
  releaseRequest,
  reserveRequest,
} from "@imprest/core/models/asp";
import { withBodyHash } from "./body-hash.ts";
import { AspConnection } from "./connection.ts";
import { type EventsOptions, type SignedEvent, readFeed } from "./feed.ts";
import * as operations from "./operations.ts";
import type { AspClientOptions } from "./options.ts";

/** Options of a write. */
export interface WriteOptions extends CallOptions {
  /** Makes a repetition of this call the same call; a fresh one is made without it. */
  readonly idempotencyKey?: string | undefined;
}

/** A request whose key may stand in the options instead. */
export type Unkeyed<Request extends { readonly idempotencyKey: string }> = Omit<Request, "idempotencyKey"> & {
  readonly idempotencyKey?: string | undefined;
};

/**
 * The verbs of ASP Draft-01, one method each, as unary JSON that a Connect server understands. Names are those of the
 * messages in lowerCamelCase; amounts are bigints. A call is sent once: an unclear outcome is the caller's to repeat
 * under the same key, or the kernel's, which `AspAuthority` serves. This is the wire alone; `AspClient` has an authority too.
 *
 * Every method throws `ValidationError` for what the protocol does not allow (nothing was sent), `AspError` and its
 * subclasses for what the authority refuses, `TransportError` when there is no usable answer.
 */
export class AspVerbs {
  /** The wire below the typed methods. @internal */
  readonly connection: AspConnection;
  #metadata: AuthorityMetadata | undefined;

  /** @throws ConfigurationError naming the option that cannot be used. */
  constructor(options: AspClientOptions) {
    this.connection = new AspConnection(options);
    this.#metadata = this.connection.options.metadata;
  }

  /**
   * Holds a claim against a budget (ASP §3 stage 2). A denial is returned, not thrown: every decision but ALLOW and
   * ALLOW_WITH_CAPS is one. Only a DEBIT can be reserved; it is the default here, though not on the wire.
   */
  async reserve(request: Unkeyed<ReserveRequest>, options: WriteOptions = {}): Promise<ReserveResponse> {
    const { claim } = request;
    const { direction = "DEBIT" } = claim;
    if (direction !== "DEBIT") {
      const message = `is ${direction}; only a DEBIT can be reserved`;
      throw new ValidationError("reserve", [{ pointer: "/claim/direction", message }]);
    }
    const keyed = withKey("reserve", { ...request, claim: { ...claim, direction } }, options);
    return this.#write(
      operations.reserve,
      JSON.stringify(writeWire(reserveRequest, keyed, "ASP message")),
      keyed,
      options,
    );
  }

  /** Settles with what was observed (ASP §3 stage 4), with a hash of the request unless one is given. */
  async commit(request: Unkeyed<CommitRequest>, options: WriteOptions = {}): Promise<CommitResponse> {
    const keyed = withKey("commit", request, options);
    const body =
      keyed.requestBodyHash === undefined ? await withBodyHash(keyed) : writeWire(commitRequest, keyed, "ASP message");
    return this.#write(operations.commit, typeof body === "string" ? body : JSON.stringify(body), keyed, options);
  }

  /** Gives a reservation back (ASP §3 stage 5'); harmless when it is settled already. */
  async release(request: Unkeyed<ReleaseRequest>, options: WriteOptions = {}): Promise<ReleaseResponse> {
    const keyed = withKey("release", request, options);
    return this.#write(
      operations.release,
      JSON.stringify(writeWire(releaseRequest, keyed, "ASP message")),
      keyed,
      options,
    );
  }

  /**
   * Reverses a commit, wholly or in part. The draft leaves its shape out, so this one is the library's own.
   * @throws ConfigurationError without `experimental: { refund: true }`.
   */
  async refund(request: Unkeyed<RefundRequest>, options: WriteOptions = {}): Promise<RefundResponse> {
    if (!this.connection.options.allowsRefund) {
      throw new ConfigurationError(
        "Draft-01 leaves Refund's shape out; set experimental: { refund: true } to use ours.",
      );
    }
    const keyed = withKey("refund", request, options);
    return this.#write(
      operations.refund,
      JSON.stringify(writeWire(refundRequest, keyed, "ASP message")),
      keyed,
      options,
    );
  }

  /** What a budget holds; an optional verb whose shape the draft leaves out. */
  async queryBudget(request: QueryBudgetRequest, options?: CallOptions): Promise<QueryBudgetResponse> {
    const body = JSON.stringify(writeWire(queryBudgetRequest, request, "ASP message"));
    return (await this.connection.call(operations.queryBudget, body, {}, options)).answer;
  }

  /**
   * What the authority says about itself: as configured, else from `/.well-known/asp-authority` at its origin, asked
   * for once. `undefined` where it publishes none (404).
   */
  async getMetadata(options?: CallOptions): Promise<AuthorityMetadata | undefined> {
    if (this.#metadata !== undefined) return this.#metadata;
    const { status, body } = await this.connection.get(aspMetadataPath, options);
    if (status === 404) return undefined;
    try {
      if (status !== 200) throw new Error(`status ${status}`);
      this.#metadata = parseWire(authorityMetadata, parseJson(body), "ASP authority metadata");
      return this.#metadata;
    } catch (cause) {
      const why = cause instanceof Error ? cause.message : "unreadable";
      throw new ResponseFormatError(`The metadata document of the authority cannot be used: ${why}.`, {
        status,
        cause,
      });
    }
  }

  /**
   * The tenant's signed events, the oldest first, page by page as they are reached; `number` of the last one read is
   * where `since` goes on. Iterating throws as every method, and `AbortedError` when `signal` aborts.
   * @example
   * for await (const { number, report } of client.events({ since, verify: (line) => verifyAuditEvent(line, { trust }) })) {
   *   auditor.add(report);
   *   since = number;
   * }
   */
  events<Report = undefined>(options?: EventsOptions<Report>): AsyncGenerator<SignedEvent<Report>, void, undefined> {
    return readFeed(this.connection, options);
  }

  /**
   * Uses another API key from now on. Settlements that wait because the old one was refused are sent at once. A key from
   * an `apiKey` function needs no such call: it is asked before every request.
   * @throws ConfigurationError for one that cannot be sent.
   */
  useApiKey(apiKey: ApiKeySource): void {
    this.connection.useApiKey(apiKey);
  }

  async #write<Answer extends object>(
    operation: operations.Operation<Answer>,
    body: string,
    subject: { readonly idempotencyKey: string; readonly reservationId?: string | undefined },
    options: CallOptions,
  ): Promise<Answer> {
    return (await this.connection.call(operation, body, subject, options)).answer;
  }
}

function withKey<Request extends { readonly idempotencyKey?: string | undefined }>(
  subject: string,
  request: Request,
  { idempotencyKey: inOptions }: WriteOptions,
): Request & { readonly idempotencyKey: string } {
  const { idempotencyKey: inRequest } = request;
  if (inRequest !== undefined && inOptions !== undefined && inRequest !== inOptions) {
    const message = "differs from the key in the options; give it once";
    throw new ValidationError(subject, [{ pointer: "/idempotency_key", message }]);
  }
  return { ...request, idempotencyKey: inOptions ?? inRequest ?? createIdempotencyKey() };
}
