import { ConfigurationError } from "@imprest/core";
import type { PaymentSource } from "../authority.ts";
import {
  type X402HttpClient,
  headersOf,
  paymentHeaders,
  purchaseOf,
  readRequired,
  readSettlement,
} from "./http-client.ts";
import { type X402Options, payX402 } from "./pay-once.ts";
import type { X402Payload } from "./requirements.ts";

// axios is its user's: what is needed of it is stated here, and nothing of it is imported.

/** An instance of axios, as far as the guard goes. */
export interface X402AxiosInstance {
  readonly defaults: { adapter?: unknown };
  /** The address of a request, with its base and its query. */
  getUri(config: never): string;
}

/** A request as it reaches axios' adapter: transformed, after every interceptor. */
export interface X402AxiosRequest {
  readonly method?: string | undefined;
  readonly url?: string | undefined;
  readonly data?: unknown;
  readonly headers: AxiosHeaders;
  readonly signal?: unknown;
}

interface AxiosHeaders {
  has(name: string): boolean;
  get(name: string): unknown;
  concat(more: Readonly<Record<string, string>>): AxiosHeaders;
}

interface AxiosResponse {
  readonly status: number;
  readonly data: unknown;
  readonly headers: AxiosHeaders;
  config: object;
}

type AxiosAdapter = (config: X402AxiosRequest) => Promise<AxiosResponse>;

/** How the requests of a guarded axios instance are paid. */
export interface X402AxiosOptions extends X402Options<X402AxiosRequest> {
  /** `axios.getAdapter`: finds what really sends the requests of the instance. */
  readonly getAdapter: (adapters: never, config: never) => (config: never) => Promise<unknown>;
}

/**
 * Makes an instance of axios pay what a server asks for with 402, once a purchase and within the budget, as `guardX402Fetch`
 * does. It stands in the place of the instance's adapter, below every interceptor: one that sends a request again repeats the
 * purchase, which is not paid again.
 * @returns the instance itself; its requests also reject as `payX402` does, and with a `ConfigurationError` for a request that
 * carries a payment already, or whose body can be read only once or not be compared.
 * @example
 * const { getAdapter } = axios;
 * const api = guardX402Axios(axios.create(), new x402HTTPClient(client), budget, { terms, getAdapter });
 * const { data } = await api.get("https://api.example/weather");
 */
export function guardX402Axios<Instance extends X402AxiosInstance>(
  instance: Instance,
  client: X402HttpClient,
  source: PaymentSource,
  options: X402AxiosOptions,
): Instance {
  const { purchase, getAdapter, ...rest } = options;
  const adapters = instance.defaults.adapter;

  const paying: AxiosAdapter = async (config) => {
    const adapter = getAdapter(adapters as never, config as never) as AxiosAdapter;
    if (paymentHeaders.some((name) => config.headers.has(name)))
      throw new ConfigurationError("The request carries an x402 payment, which no budget would know of.");
    const first = await answerTo(adapter, config);
    const required =
      first.response.status === 402 ? readRequired(client, headerIn(first), textOf(first.response.data)) : undefined;
    if (required === undefined) return handedOn(first);
    const url = instance.getUri(config as never);
    const exchange = {
      purchase: purchase
        ? await purchase(config)
        : await purchaseOf((config.method ?? "get").toUpperCase(), url, textOf(refuseStream(config.data), "strict")),
      seller: new URL(url).hostname,
      required,
      send: (payload: X402Payload) =>
        answerTo(adapter, config, config.headers.concat(Object.fromEntries(headersOf(client, payload)))),
      settlementOf: (answer: Answer) => readSettlement(client, headerIn(answer)),
      signal: config.signal instanceof AbortSignal ? config.signal : undefined,
    };
    return handedOn(await payX402(exchange, client, source, rest));
  };
  instance.defaults.adapter = paying;
  return instance;
}

/** An answer, and the error that axios made of its status. */
interface Answer {
  readonly response: AxiosResponse;
  readonly error?: unknown;
}

/** Sends `config` with other headers, and resolves with every answer: a status that axios refuses may have settled too. */
async function answerTo(
  adapter: AxiosAdapter,
  config: X402AxiosRequest,
  headers: AxiosHeaders = config.headers,
): Promise<Answer> {
  try {
    return { response: { ...(await adapter({ ...config, headers })), config } };
  } catch (error) {
    // Whoever sends `error.config` again makes the request anew, without this payment.
    const failed = error as { config?: object; readonly response?: AxiosResponse };
    failed.config = config;
    if (failed.response === undefined) throw error;
    failed.response.config = config;
    return { response: failed.response, error };
  }
}

function handedOn({ response, error }: Answer): AxiosResponse {
  if (error !== undefined) throw error;
  return response;
}

function headerIn({ response }: Answer): (name: string) => string | undefined {
  return (name) => {
    const value = response.headers.get(name);
    return typeof value === "string" ? value : undefined;
  };
}

/** A stream is empty when the paid request is sent. */
function refuseStream(data: unknown): unknown {
  const { pipe, getReader } = (data ?? {}) as { readonly pipe?: unknown; readonly getReader?: unknown };
  if (typeof pipe !== "function" && typeof getReader !== "function") return data;
  throw new ConfigurationError(
    "A body that is a stream is read once, and a paid request is sent twice; give its bytes.",
  );
}

/** A body as text; of one that is none, nothing, or an error where two bodies must not be taken for one. */
function textOf(data: unknown, how?: "strict"): string {
  if (typeof data === "string") return data;
  if (data === undefined || data === null) return "";
  if (data instanceof URLSearchParams) return data.toString();
  if (data instanceof ArrayBuffer) return new TextDecoder().decode(data);
  if (ArrayBuffer.isView(data)) return new TextDecoder().decode(data);
  if (how === undefined) return "";
  throw new ConfigurationError("Of a body of this form nobody can say whether it is the same purchase; give purchase.");
}
