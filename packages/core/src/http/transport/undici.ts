import type { Agent, Dispatcher } from "undici";
import { plainCause } from "../plain-cause.ts";
import { ConnectionError, ResponseFormatError } from "../../errors/transport-errors.ts";
import {
  type HttpRequest,
  type HttpResponse,
  type Transport,
  type TransportLimits,
  refuseRedirect,
} from "../transport.ts";
import { createFetchTransport } from "./fetch.ts";

/** Connections to one origin, kept alive between requests. */
const connectionsPerOrigin = 64;

/**
 * The default transport on Node: a pool of keep-alive connections, several times faster than `fetch`. undici is loaded
 * at the first request, and `fetch` stands in where it cannot be.
 */
export function defaultTransport(): Transport {
  let ready: Transport | undefined;
  let loading: Promise<Transport> | undefined;
  const load = (): Promise<Transport> => import("undici").then(createPoolTransport, () => createFetchTransport());
  const sendOnceLoaded: Transport = async (request, limits) => {
    loading ??= load();
    ready = await loading;
    limits.throwIfAborted();
    return ready(request, limits);
  };
  return (request, limits) => (ready ?? sendOnceLoaded)(request, limits);
}

function createPoolTransport(undici: { Agent: typeof Agent }): Transport {
  const agent = new undici.Agent({ connections: connectionsPerOrigin, pipelining: 1 });
  return (request, limits) => new Promise((resolve, reject) => exchange(agent, request, limits, resolve, reject));
}

function exchange(
  agent: Agent,
  request: HttpRequest,
  limits: TransportLimits,
  resolve: (response: HttpResponse) => void,
  reject: (error: unknown) => void,
): void {
  const { maxResponseBytes } = limits;
  const { origin, path } = splitUrl(request.url);
  const chunks: Uint8Array[] = [];
  let size = 0;
  let status = 0;
  let headers: Readonly<Record<string, string>> = {};
  let controller: Dispatcher.DispatchController | undefined;
  let aborted: { readonly reason: unknown } | undefined;
  limits.onAbort((reason) => {
    aborted = { reason };
    controller?.abort(asError(reason));
    reject(reason);
  });

  const handler: Dispatcher.DispatchHandler = {
    onRequestStart(started) {
      controller = started;
      if (aborted) started.abort(asError(aborted.reason));
    },
    onResponseStart(_controller, statusCode, received) {
      refuseRedirect(statusCode);
      status = statusCode;
      headers = flatten(received);
    },
    onResponseData(current, chunk) {
      size += chunk.byteLength;
      if (size <= maxResponseBytes) chunks.push(chunk);
      else current.abort(new ResponseFormatError(`The answer is larger than ${maxResponseBytes} bytes.`, { status }));
    },
    onResponseEnd() {
      resolve({ status, headers, body: decode(chunks, size) });
    },
    onResponseError(_controller, error) {
      if (aborted) return reject(aborted.reason);
      if (ResponseFormatError.isInstance(error)) return reject(error);
      const { host } = new URL(origin);
      reject(new ConnectionError(`No answer from ${host}: the connection failed.`, { cause: plainCause(error) }));
    },
  };
  const { method, body = null } = request;
  agent.dispatch({ origin, path, method, headers: request.headers, body }, handler);
}

/** Parsing a URL anew for every request costs more than cutting it: the client has checked its base when it was made. */
function splitUrl(url: string): { readonly origin: string; readonly path: string } {
  const at = url.indexOf("/", url.indexOf("//") + 2);
  return at === -1 ? { origin: url, path: "/" } : { origin: url.slice(0, at), path: url.slice(at) };
}

function asError(reason: unknown): Error {
  return reason instanceof Error ? reason : new Error("aborted", { cause: reason });
}

const decoder = new TextDecoder();

function decode(chunks: readonly Uint8Array[], size: number): string {
  const [first] = chunks;
  if (chunks.length === 1) return decoder.decode(first);
  const whole = new Uint8Array(size);
  let at = 0;
  for (const chunk of chunks) {
    whole.set(chunk, at);
    at += chunk.byteLength;
  }
  return decoder.decode(whole);
}

/** undici gives lower-case names, and a list for a header that came more than once. */
function flatten(received: Record<string, string | string[] | undefined>): Readonly<Record<string, string>> {
  const headers: Record<string, string> = {};
  for (const name in received) {
    const value = received[name];
    if (value !== undefined) headers[name] = typeof value === "string" ? value : value.join(", ");
  }
  return headers;
}
