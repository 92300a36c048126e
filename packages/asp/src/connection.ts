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
  base64url,
  outgoingTraceparent,
  parseJson,
  parseWire,
  resolveApiKey,
  sendRead,
} from "@imprest/core/internal";
import { errorFromResponse } from "./errors.ts";
import type { Operation } from "./operations.ts";
import { type AspClientOptions, type ResolvedOptions, resolveOptions } from "./options.ts";

/** What a call is about, for the promise that its answer makes. */
export interface Subject {
  readonly idempotencyKey?: string | undefined;
  readonly reservationId?: string | undefined;
}

/** An answer, and when the authority says that it gave it. */
export interface Answered<Answer> {
  readonly answer: Answer;
  /** Epoch milliseconds out of the `Date` header, whole seconds. */
  readonly serverTimeMs?: number | undefined;
}

/** An answer, and the key that it was asked for with. */
interface Sent {
  readonly response: HttpResponse;
  readonly key: Secret | undefined;
}

/**
 * Sends single unary calls as Connect does (POST, JSON both ways) and makes a typed answer or a typed error of whatever
 * comes back. The typed methods of `AspClient` and the settlements of `AspAuthority` go through here.
 */
export class AspConnection {
  readonly options: ResolvedOptions;
  readonly #headers: Readonly<Record<string, string>>;
  readonly #onNewKey = new Set<() => void>();
  #apiKey: ResolvedOptions["apiKey"];
  #lastKey: string | undefined;

  constructor(options: AspClientOptions) {
    this.options = resolveOptions(options);
    this.#apiKey = this.options.apiKey;
    // Browsers set their own user agent, and asking for another would cost a CORS permission.
    this.#headers = { accept: "application/json", ...(!this.options.isBrowser && { "user-agent": "imprest-asp" }) };
  }

  /** One attempt, or a few of an operation that changes nothing. @throws AspError, TransportError, ConfigurationError (the key). */
  async call<Answer extends object>(
    operation: Operation<Answer>,
    body: string,
    subject: Subject = {},
    options: CallOptions = {},
  ): Promise<Answered<Answer>> {
    const { timeoutMs = this.options.timeoutMs } = options;
    const headers = {
      ...this.#headers,
      "content-type": "application/json",
      "connect-protocol-version": "1",
      // Ten digits are the most that Connect allows.
      "connect-timeout-ms": String(Math.min(Math.ceil(timeoutMs), 9_999_999_999)),
      traceparent: outgoingTraceparent(options.traceparent),
    };
    const url = `${this.options.baseUrl}${this.options.routes[operation.method]}`;
    const attempts = operation.verb === undefined ? this.options.readAttempts : 1;
    const { response, key } = await this.#send({ method: "POST", url, headers, body }, options, attempts);
    if (response.status !== 200) throw errorFromResponse(operation.method, response, key);
    const answer = readAnswer(operation, response, key);
    this.#promise(operation, answer, subject, body);
    const serverTimeMs = Date.parse(response.headers["date"] ?? "");
    return Number.isNaN(serverTimeMs) ? { answer } : { answer, serverTimeMs };
  }

  /** Reads a document of the authority's origin, whatever its status; a few attempts within one deadline. */
  async get(path: string, options?: CallOptions): Promise<HttpResponse> {
    return (await this.#get(path, options)).response;
  }

  /** Reads one that must be there. @throws as `call`. */
  async read(path: string, options: CallOptions, maxResponseBytes: number): Promise<HttpResponse> {
    const { response, key } = await this.#get(path, options, maxResponseBytes);
    if (response.status !== 200) throw errorFromResponse(`GET ${path}`, response, key);
    return response;
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

  #get(path: string, options: CallOptions = {}, maxResponseBytes?: number): Promise<Sent> {
    const url = new URL(path, this.options.baseUrl).href;
    const headers = { ...this.#headers, traceparent: outgoingTraceparent(options.traceparent) };
    return this.#send({ method: "GET", url, headers }, options, this.options.readAttempts, maxResponseBytes);
  }

  /** The key is fetched within the deadline, because that may take time too. */
  async #send(
    request: HttpRequest,
    { signal, timeoutMs = this.options.timeoutMs }: CallOptions,
    attempts: number,
    maxResponseBytes = this.options.maxResponseBytes,
  ): Promise<Sent> {
    if (!(timeoutMs > 0)) {
      throw new ValidationError("call options", [{ pointer: "/timeoutMs", message: "must be above 0" }]);
    }
    const { transport, clock } = this.options;
    let key: Secret | undefined;
    const authorised: Transport = async (unauthorised, limits) => {
      const apiKey = this.#apiKey;
      key = typeof apiKey === "function" ? await apiKey() : apiKey;
      if (typeof apiKey === "function" && key !== undefined) this.#noteKey(key.reveal());
      limits.throwIfAborted();
      const credential: Record<string, string> = key === undefined ? {} : { authorization: `Bearer ${key.reveal()}` };
      return transport({ ...unauthorised, headers: { ...unauthorised.headers, ...credential } }, limits);
    };
    const response = await sendRead(authorised, request, { signal, timeoutMs, clock, maxResponseBytes, attempts });
    return { response, key };
  }

  #noteKey(key: string): void {
    const isNew = this.#lastKey !== undefined && this.#lastKey !== key;
    this.#lastKey = key;
    if (isNew) for (const listener of this.#onNewKey) listener();
  }

  #promise(operation: Operation<object>, answer: object, subject: Subject, body: string): void {
    const { onPromisedEvent } = this.options;
    const { verb } = operation;
    const {
      auditEventSignature,
      reservationId = subject.reservationId,
      ttlExpiresAt,
    } = answer as {
      readonly auditEventSignature?: Uint8Array | undefined;
      readonly reservationId?: string | undefined;
      readonly ttlExpiresAt?: string | undefined;
    };
    if (onPromisedEvent === undefined || verb === undefined || auditEventSignature === undefined) return;
    const { idempotencyKey = "" } = subject;
    const signature = base64url(auditEventSignature);
    const amountAtomic = amountIn(body);
    try {
      onPromisedEvent({
        verb,
        idempotencyKey,
        signature,
        ...(reservationId !== undefined && { reservationId }),
        ...(amountAtomic !== undefined && { amountAtomic }),
        ...(ttlExpiresAt !== undefined && { ttlExpiresAt }),
      });
    } catch {
      // The authority has acted: a commit that is answered must not look like one whose outcome is unknown.
    }
  }
}

/** The amount that a request was sent with; a release has none. */
function amountIn(body: string): string | undefined {
  const { claim, amountAtomicObserved, amountAtomicRefunded } = JSON.parse(body) as {
    readonly claim?: { readonly amountAtomic?: unknown };
    readonly amountAtomicObserved?: unknown;
    readonly amountAtomicRefunded?: unknown;
  };
  const amount = claim?.amountAtomic ?? amountAtomicObserved ?? amountAtomicRefunded;
  return typeof amount === "string" ? amount : undefined;
}

function readAnswer<Answer extends object>(
  operation: Operation<Answer>,
  { body }: HttpResponse,
  key: Secret | undefined,
): Answer {
  let written: unknown;
  try {
    written = parseJson(body);
    // Whoever answers may repeat the key in a word that ends up in an error, such as a reason for a denial.
    if (key?.mayStandIn(body)) written = key.redact(written);
    return parseWire(operation.answer, written, "ASP message");
  } catch (error) {
    if (ResponseFormatError.isInstance(error)) throw error;
    throw malformed(operation, ValidationError.isInstance(error) ? error.message : "it is not JSON", written);
  }
}

/** An answer that claims success and is none, with the reservation that it names all the same. */
export class UnreadableAnswer extends ResponseFormatError {
  readonly #reservationId: string | undefined;

  constructor(message: string, written: unknown) {
    super(message, { status: 200 });
    const { reservationId, reservation_id: byProtoName } = (written ?? {}) as Record<string, unknown>;
    const id = reservationId ?? byProtoName;
    this.#reservationId = typeof id === "string" && id !== "" ? id : undefined;
  }

  get reservationId(): string | undefined {
    return this.#reservationId;
  }
}

/** For an answer that claims success and is none; whether the authority acted stays open. */
export function malformed(
  { method }: { readonly method: string },
  why: string,
  written?: unknown,
): ResponseFormatError {
  return new UnreadableAnswer(`${method}: the answer is not what the protocol allows: ${why}.`, written);
}
