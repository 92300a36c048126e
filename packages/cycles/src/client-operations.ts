import { type ApiKeySource, type CallOptions, ValidationError, createIdempotencyKey } from "@imprest/core";
import { type WireReader, parseWire, stringifyJson } from "@imprest/core/internal";
import {
  type Balance,
  type BalanceQuery,
  type BalanceResponse,
  type CommitRequest,
  type CommitResponse,
  type DecisionRequest,
  type DecisionResponse,
  type EventCreateRequest,
  type EventCreateResponse,
  type ReleaseRequest,
  type ReleaseResponse,
  type ReservationCreateRequest,
  type ReservationCreateResponse,
  type ReservationDetail,
  type ReservationExtendRequest,
  type ReservationExtendResponse,
  type ReservationListQuery,
  type ReservationListResponse,
  type ReservationSummary,
  balanceQuery,
  commitRequest,
  decisionRequest,
  eventCreateRequest,
  releaseRequest,
  reservationCreateRequest,
  reservationExtendRequest,
  reservationListQuery,
} from "@imprest/core/models/cycles";
import { CyclesConnection, malformed, reservationPath } from "./connection.ts";
import * as operations from "./operations.ts";
import type { CyclesClientOptions } from "./options.ts";
import { Pages } from "./pages.ts";
import { withQuery } from "./query.ts";

/** Options of a write. */
export interface WriteOptions extends CallOptions {
  /** Makes a repetition of this call the same call; a fresh one is made without it. Visible ASCII, at most 256. */
  readonly idempotencyKey?: string | undefined;
}

/** A request whose key may stand in the options instead. */
export type Unkeyed<Request extends { readonly idempotency_key: string }> = Omit<Request, "idempotency_key"> & {
  readonly idempotency_key?: string | undefined;
};

/** What a reserve would answer; nothing is set aside, so there is no reservation in it. */
export type DryRunResponse = Omit<ReservationCreateResponse, "reservation_id" | "expires_at_ms" | "remaining_ttl_ms">;

/**
 * Every operation of the Cycles runtime plane, one method each, with the wire's own names in requests and answers.
 * A write is sent once: an unclear outcome is the caller's to repeat under the same key, or the kernel's, which
 * `CyclesAuthority` serves. A read is repeated a few times within its deadline. Requests are held to the limits of the
 * specification before they are sent; answers may hold more than this version knows. `metadataOf(answer)` returns the
 * request id, trace id, tenant and rate limit. This is the wire alone; `CyclesClient` has an authority too.
 *
 * Every method throws `ValidationError` for a request that the protocol does not allow (nothing was sent),
 * `CyclesError` and its subclasses for what the authority refuses, `TransportError` (`ConnectionError`,
 * `TimeoutError`, `AbortedError`, `ResponseFormatError`) when there is no usable answer.
 */
export class CyclesOperations {
  /** The wire below the typed methods. */
  readonly connection: CyclesConnection;

  /** @throws ConfigurationError naming the option that cannot be used. */
  constructor(options: CyclesClientOptions) {
    this.connection = new CyclesConnection(options);
  }

  /**
   * Uses another API key from now on. Settlements that wait because the old one was refused are sent at once. A key from
   * an `apiKey` function needs no such call: it is asked before every request.
   * @throws ConfigurationError for one that cannot be sent.
   */
  useApiKey(apiKey: ApiKeySource): void {
    this.connection.useApiKey(apiKey);
  }

  /**
   * Sets budget aside. A decision of DENY is returned, not thrown; most refusals come as errors (`BudgetExceededError`).
   * A request with `dry_run` belongs to `dryRun`.
   */
  async createReservation(
    request: Omit<Unkeyed<ReservationCreateRequest>, "dry_run">,
    options?: WriteOptions,
  ): Promise<ReservationCreateResponse> {
    if ("dry_run" in request && request.dry_run === true) throw belongsToDryRun("/dry_run");
    if (request.observe_mode === "OBSERVE") throw belongsToDryRun("/observe_mode");
    const write = frozen("reserve", reservationCreateRequest, request, options);
    const path = "/v1/reservations";
    const answer = await this.connection.write(operations.createReservation, { path, ...write }, options);
    if (answer.decision.startsWith("ALLOW") && !answer.reservation_id) {
      throw malformed(
        operations.createReservation,
        200,
        "it allows, but holds no reservation_id (does the tenant only observe?)",
      );
    }
    return answer;
  }

  /** Evaluates a reserve and sets nothing aside. */
  async dryRun(
    request: Omit<Unkeyed<ReservationCreateRequest>, "dry_run">,
    options?: WriteOptions,
  ): Promise<DryRunResponse> {
    const write = frozen("dry run", reservationCreateRequest, { ...request, dry_run: true }, options);
    const path = "/v1/reservations";
    const answer = await this.connection.write(operations.dryRun, { path, ...write }, options);
    if (answer.reservation_id !== undefined) {
      const why = "it holds a reservation_id, so budget may have been set aside; it is left to its TTL";
      throw malformed(operations.dryRun, 200, why);
    }
    return answer;
  }

  /** Settles a reservation with what was spent. `charged` below `actual` means that the charge was capped. */
  async commitReservation(
    reservationId: string,
    request: Unkeyed<CommitRequest>,
    options?: WriteOptions,
  ): Promise<CommitResponse> {
    const path = reservationPath(reservationId, "/commit");
    const write = frozen("commit", commitRequest, request, options);
    return this.connection.write(operations.commitReservation, { path, ...write }, options);
  }

  /** Gives a reservation back unspent. */
  async releaseReservation(
    reservationId: string,
    request: Unkeyed<ReleaseRequest> = {},
    options?: WriteOptions,
  ): Promise<ReleaseResponse> {
    const path = reservationPath(reservationId, "/release");
    const write = frozen("release", releaseRequest, request, options);
    return this.connection.write(operations.releaseReservation, { path, ...write }, options);
  }

  /** Moves the expiry outward by `extend_by_ms`, counted from where it stands. */
  async extendReservation(
    reservationId: string,
    request: Unkeyed<ReservationExtendRequest>,
    options?: WriteOptions,
  ): Promise<ReservationExtendResponse> {
    const path = reservationPath(reservationId, "/extend");
    const write = frozen("extend", reservationExtendRequest, request, options);
    return this.connection.write(operations.extendReservation, { path, ...write }, options);
  }

  /** Asks what a reserve would be answered. No promise: budget may be gone a moment later. */
  async decide(request: Unkeyed<DecisionRequest>, options?: WriteOptions): Promise<DecisionResponse> {
    const write = frozen("decide", decisionRequest, request, options);
    return this.connection.write(operations.decide, { path: "/v1/decide", ...write }, options);
  }

  /** Books a spend that no reservation covers. */
  async createEvent(request: Unkeyed<EventCreateRequest>, options?: WriteOptions): Promise<EventCreateResponse> {
    const write = frozen("event", eventCreateRequest, request, options);
    return this.connection.write(operations.createEvent, { path: "/v1/events", ...write }, options);
  }

  /** One reservation. An expired one is a `ReservationExpiredError` (410), though lists still show it. */
  async getReservation(reservationId: string, options?: CallOptions): Promise<ReservationDetail> {
    return this.connection.read(operations.getReservation, reservationPath(reservationId), options);
  }

  /** Reservations that match `query`, page by page as they are iterated. @throws ValidationError at once. */
  listReservations(
    query: ReservationListQuery = {},
    options?: CallOptions,
  ): Pages<ReservationSummary, ReservationListResponse> {
    const checked = parseWire(reservationListQuery, query, "list of reservations");
    return new Pages(
      (cursor) =>
        this.connection.read(operations.listReservations, withQuery("/v1/reservations", checked, cursor), options),
      (page) => page.reservations,
    );
  }

  /** Balances of the scopes that `query` names, page by page as they are iterated. @throws ValidationError at once. */
  getBalances(query: BalanceQuery, options?: CallOptions): Pages<Balance, BalanceResponse> {
    const checked = parseWire(balanceQuery, query, "balances");
    return new Pages(
      (cursor) => this.connection.read(operations.getBalances, withQuery("/v1/balances", checked, cursor), options),
      (page) => page.balances,
    );
  }
}

function belongsToDryRun(pointer: string): ValidationError {
  return new ValidationError("reserve", [{ pointer, message: "sets nothing aside; call the method dryRun" }]);
}

/** The request with its key, checked and written out. */
function frozen<Request extends { readonly idempotency_key: string }>(
  subject: string,
  schema: WireReader<Request>,
  request: Unkeyed<Request>,
  options: WriteOptions | undefined,
): { readonly body: string; readonly idempotencyKey: string } {
  const { idempotency_key: inRequest } = request;
  const inOptions = options?.idempotencyKey;
  if (inRequest !== undefined && inOptions !== undefined && inRequest !== inOptions) {
    const message = "differs from the key in the options; give it once";
    throw new ValidationError(subject, [{ pointer: "/idempotency_key", message }]);
  }
  const idempotencyKey = inOptions ?? inRequest ?? createIdempotencyKey();
  const body = parseWire(schema, { ...request, idempotency_key: idempotencyKey }, subject);
  return { body: stringifyJson(body), idempotencyKey };
}
