import {
  type CallOptions,
  type HttpRequest,
  type HttpResponse,
  ResponseFormatError,
  type Transport,
  ValidationError,
} from "@imprest/core";
import { type Secret, base64url, outgoingTraceparent, parseJson, parseWire, send } from "@imprest/core/internal";
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

/**
 * Sends single unary calls as Connect does (POST, JSON both ways) and makes a typed answer or a typed error of whatever
 * comes back. The typed methods of `AspClient` and the settlements of `AspAuthority` go through here.
 */
export class AspConnection {
  readonly options: ResolvedOptions;
  readonly #headers: Readonly<Record<string, string>>;

  constructor(options: AspClientOptions) {
    this.options = resolveOptions(options);
    // Browsers set their own user agent, and asking for another would cost a CORS permission.
    this.#headers = { accept: "application/json", ...(!this.options.isBrowser && { "user-agent": "imprest-asp" }) };
  }

  /** One attempt. @throws AspError, TransportError, ConfigurationError (the key). */
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
    const { response, key } = await this.#send({ method: "POST", url, headers, body }, options);
    if (response.status !== 200) throw errorFromResponse(operation.method, response, key);
    const answer = readAnswer(operation, response, key);
    this.#promise(operation, answer, subject, body);
    const serverTimeMs = Date.parse(response.headers["date"] ?? "");
    return Number.isNaN(serverTimeMs) ? { answer } : { answer, serverTimeMs };
  }

  /** Reads a document of the authority's origin. */
  async get(path: string, options: CallOptions = {}): Promise<HttpResponse> {
    const url = new URL(path, this.options.baseUrl).href;
    const headers = { ...this.#headers, traceparent: outgoingTraceparent(options.traceparent) };
    return (await this.#send({ method: "GET", url, headers }, options)).response;
  }

  /** The key is fetched within the deadline, because that may take time too. */
  async #send(
    request: HttpRequest,
    { signal, timeoutMs = this.options.timeoutMs }: CallOptions,
  ): Promise<{ readonly response: HttpResponse; readonly key: Secret | undefined }> {
    if (!(timeoutMs > 0)) {
      throw new ValidationError("call options", [{ pointer: "/timeoutMs", message: "must be above 0" }]);
    }
    const { apiKey, transport, clock, maxResponseBytes } = this.options;
    let key: Secret | undefined;
    const authorised: Transport = async (unauthorised, limits) => {
      key = typeof apiKey === "function" ? await apiKey() : apiKey;
      limits.throwIfAborted();
      const credential: Record<string, string> = key === undefined ? {} : { authorization: `Bearer ${key.reveal()}` };
      return transport({ ...unauthorised, headers: { ...unauthorised.headers, ...credential } }, limits);
    };
    const response = await send(authorised, request, { signal, timeoutMs, clock, maxResponseBytes });
    return { response, key };
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
  try {
    const written = parseJson(body);
    // Whoever answers may repeat the key in a word that ends up in an error, such as a reason for a denial.
    return parseWire(operation.answer, key?.mayStandIn(body) ? key.redact(written) : written, "ASP message");
  } catch (error) {
    if (ResponseFormatError.isInstance(error)) throw error;
    throw malformed(operation, ValidationError.isInstance(error) ? error.message : "it is not JSON");
  }
}

/** For an answer that claims success and is none; whether the authority acted stays open. */
export function malformed({ method }: { readonly method: string }, why: string): ResponseFormatError {
  return new ResponseFormatError(`${method}: the answer is not what the protocol allows: ${why}.`, { status: 200 });
}
