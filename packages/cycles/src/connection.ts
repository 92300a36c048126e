import {
  type ApiKeySource,
  type CallOptions,
  type HttpRequest,
  type HttpResponse,
  ResponseFormatError,
  type Transport,
  ValidationError,
} from "@imprest/core";
import {
  type Secret,
  type WireReader,
  issuesOf,
  outgoingTraceparent,
  parseJson,
  resolveApiKey,
  send,
  sendRead,
} from "@imprest/core/internal";
import { errorFromResponse } from "./errors.ts";
import { deprecatedKindHeader, readMetadata, withMetadata } from "./metadata.ts";
import { type CyclesClientOptions, type ResolvedOptions, resolveOptions } from "./options.ts";

/** One operation of the wire: its name for messages, what success looks like. */
export interface Operation<Answer extends object> {
  readonly name: string;
  readonly status: 200 | 201 | 202;
  readonly schema: WireReader<Answer>;
}

/** A write: the exact text to send and the key that it holds. */
export interface Write {
  readonly path: string;
  readonly body: string;
  /** Absent for the one write that the protocol makes again each time (`replayEvents`). */
  readonly idempotencyKey?: string | undefined;
}

/** The header that carries a credential: a tenant's key, or an administrator's. */
export type KeyHeader = "x-cycles-api-key" | "x-admin-api-key";

/** A server names one replacement in every answer; so many different ones are logged, once each. */
const mostReplacements = 100;

/**
 * Sends single requests to one authority under one credential, and makes a typed answer or a typed error of whatever
 * comes back. The typed methods of `CyclesClient` and the settlements of `CyclesAuthority` go through here.
 */
export class CyclesConnection {
  readonly options: ResolvedOptions;
  readonly #headers: Readonly<Record<string, string>>;
  readonly #onNewKey = new Set<() => void>();
  #apiKey: ResolvedOptions["apiKey"];
  #lastKey: string | undefined;
  readonly #keyHeader: KeyHeader;
  readonly #replacements = new Set<string>();

  constructor(options: CyclesClientOptions, keyHeader: KeyHeader = "x-cycles-api-key") {
    this.#keyHeader = keyHeader;
    this.options = resolveOptions(options);
    this.#apiKey = this.options.apiKey;
    // Browsers set their own user agent, and asking for another would cost a CORS permission.
    this.#headers = { accept: "application/json", ...(!this.options.isBrowser && { "user-agent": "imprest-cycles" }) };
  }

  /** One attempt. @throws CyclesError, TransportError, ConfigurationError (the key), ValidationError (the path or key). */
  async write<Answer extends object>(
    operation: Operation<Answer>,
    write: Write,
    options: CallOptions = {},
  ): Promise<Answer> {
    const { idempotencyKey, body } = write;
    const headers = {
      ...this.#headers,
      "content-type": "application/json",
      ...(idempotencyKey !== undefined && { "x-idempotency-key": assertSendableKey(idempotencyKey) }),
      traceparent: outgoingTraceparent(options.traceparent),
    };
    const request: HttpRequest = { method: "POST", url: `${this.options.baseUrl}${write.path}`, headers, body };
    const credential = this.#authorise(headers);
    const response = await send(credential.transport, request, this.#limits(options));
    this.#noteDeprecation(operation, response);
    return read(operation, response, credential.key(), idempotencyKey);
  }

  /** A few attempts within one deadline. @throws as `write`. */
  async read<Answer extends object>(
    operation: Operation<Answer>,
    path: string,
    options: CallOptions = {},
  ): Promise<Answer> {
    const headers = { ...this.#headers, traceparent: outgoingTraceparent(options.traceparent) };
    const request: HttpRequest = { method: "GET", url: `${this.options.baseUrl}${path}`, headers };
    const credential = this.#authorise(headers);
    const limits = { ...this.#limits(options), attempts: this.options.readAttempts };
    const response = await sendRead(credential.transport, request, limits);
    return read(operation, response, credential.key());
  }

  /** Sends everything under another key from now on. @throws ConfigurationError for one that cannot be sent. */
  useApiKey(source: ApiKeySource): void {
    this.#apiKey = resolveApiKey(source);
    this.#lastKey = undefined;
    for (const listener of this.#onNewKey) listener();
  }

  /**
   * Calls `listener` after `useApiKey`, and whenever the `apiKey` function has given another key than before.
   * @returns the function that unsubscribes.
   */
  onNewKey(listener: () => void): () => void {
    this.#onNewKey.add(listener);
    return () => this.#onNewKey.delete(listener);
  }

  /** Adds the credential to `headers`, or a transport that does: within the deadline, where a key has to be fetched. */
  #authorise(headers: Record<string, string>): { readonly transport: Transport; key(): Secret | undefined } {
    const apiKey = this.#apiKey;
    const { transport } = this.options;
    if (typeof apiKey !== "function") {
      headers[this.#keyHeader] = apiKey.reveal();
      return { transport, key: () => apiKey };
    }
    let key: Secret | undefined;
    return {
      key: () => key,
      transport: async (request, limits) => {
        key = await apiKey();
        this.#noteKey(key.reveal());
        limits.throwIfAborted();
        return transport({ ...request, headers: { ...headers, [this.#keyHeader]: key.reveal() } }, limits);
      },
    };
  }

  /** Cycles action kinds, DEPRECATION PROCESS: the server goes on taking the kind, the caller is to change it. */
  #noteDeprecation({ name: operation }: { readonly name: string }, { headers }: HttpResponse): void {
    const replacement = headers[deprecatedKindHeader];
    const { logger } = this.options;
    if (replacement === undefined || !logger || this.#replacements.has(replacement)) return;
    if (this.#replacements.size < mostReplacements) this.#replacements.add(replacement);
    logger.warn("the action kind of a request is deprecated; use its replacement", { operation, replacement });
  }

  #noteKey(key: string): void {
    const isNew = this.#lastKey !== undefined && this.#lastKey !== key;
    this.#lastKey = key;
    if (isNew) for (const listener of this.#onNewKey) listener();
  }

  #limits({ signal, timeoutMs = this.options.timeoutMs }: CallOptions): Parameters<typeof send>[2] {
    if (!(timeoutMs > 0))
      throw new ValidationError("call options", [{ pointer: "/timeoutMs", message: "must be above 0" }]);
    return { signal, timeoutMs, clock: this.options.clock, maxResponseBytes: this.options.maxResponseBytes };
  }
}

/** `.` and `..` are resolved away by every URL parser; a lone surrogate has no encoding. */
const unfitId = /^\.{1,2}$|[\ud800-\udfff]/u;

/** The id is encoded: it must not reach another path (Cycles §ReservationId). @throws ValidationError. */
export function reservationPath(reservationId: string, suffix = ""): string {
  if (reservationId.length === 0 || reservationId.length > 128 || unfitId.test(reservationId)) {
    const message = "must be an id that the authority gave, 1 to 128 characters";
    throw new ValidationError("reservation", [{ pointer: "/reservation_id", message }]);
  }
  return `/v1/reservations/${encodeURIComponent(reservationId)}${suffix}`;
}

/** The key travels in a header too (Cycles §X-Idempotency-Key), which narrows what it can hold. */
function assertSendableKey(idempotencyKey: string): string {
  if (/^[\x21-\x7e]{1,256}$/.test(idempotencyKey)) return idempotencyKey;
  const message = "must be 1 to 256 visible ASCII characters, because it also travels in a header";
  throw new ValidationError("idempotency key", [{ pointer: "/idempotency_key", message }]);
}

function read<Answer extends object>(
  operation: Operation<Answer>,
  response: HttpResponse,
  key: Secret | undefined,
  idempotencyKey?: string,
): Answer {
  const { status } = response;
  if (status < 200 || status >= 300) throw errorFromResponse(operation.name, response, key);
  if (status !== operation.status) throw malformed(operation, status, `${operation.status} was expected`);
  const result = operation.schema.safeParse(parseBody(operation, response));
  if (!result.success) {
    const issues = issuesOf(result.error).slice(0, 3);
    throw malformed(operation, status, issues.map(({ pointer, message }) => `${pointer} ${message}`).join("; "));
  }
  // Whoever answers may repeat the key in a word that ends up in an error, such as an unknown decision.
  const answer = key?.mayStandIn(response.body) ? key.redact(result.data) : result.data;
  return withMetadata(answer, readMetadata(response, key, idempotencyKey));
}

function parseBody(operation: Operation<object>, { status, body }: HttpResponse): unknown {
  try {
    return parseJson(body);
  } catch (error) {
    if (ResponseFormatError.isInstance(error)) throw error;
    throw malformed(operation, status, "it is not JSON");
  }
}

/** For an answer that claims success and is none; whether the authority acted stays open. */
export function malformed(operation: { readonly name: string }, status: number, why: string): ResponseFormatError {
  const message = `${operation.name}: the answer (status ${status}) is not what the protocol allows: ${why}.`;
  return new ResponseFormatError(message, { status });
}
