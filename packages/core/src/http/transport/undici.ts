import type { Agent, Dispatcher } from "undici";
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
  const loading = (): Promise<Transport> => import("undici").then(createPoolTransport, () => createFetchTransport());
  let loaded: Promise<Transport> | undefined;
  return async (request, limits) => {
    if (ready === undefined) {
      loaded ??= loading();
      ready = await loaded;
      limits.signal.throwIfAborted();
    }
    return ready(request, limits);
  };
}

function createPoolTransport(undici: { Agent: typeof Agent }): Transport {
  const agent = new undici.Agent({ connections: connectionsPerOrigin, pipelining: 1 });
  return (request, limits) => new Promise((resolve, reject) => exchange(agent, request, limits, resolve, reject));
}

function exchange(
  agent: Agent,
  request: HttpRequest,
  { signal, maxResponseBytes }: TransportLimits,
  resolve: (response: HttpResponse) => void,
  reject: (error: unknown) => void,
): void {
  const { origin, pathname, search } = new URL(request.url);
  const chunks: Uint8Array[] = [];
  let size = 0;
  let status = 0;
  let headers: Record<string, string> = {};
  let controller: Dispatcher.DispatchController | undefined;
  const onAbort = (): void => {
    controller?.abort(signal.reason);
    finish(() => reject(signal.reason));
  };
  const finish = (settle: () => void): void => {
    signal.removeEventListener("abort", onAbort);
    settle();
  };
  signal.addEventListener("abort", onAbort);

  const handler: Dispatcher.DispatchHandler = {
    onRequestStart(started) {
      controller = started;
      if (signal.aborted) started.abort(signal.reason);
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
      finish(() => resolve({ status, headers, body: decode(chunks, size) }));
    },
    onResponseError(_controller, error) {
      if (signal.aborted || ResponseFormatError.isInstance(error)) return finish(() => reject(signal.reason ?? error));
      const host = new URL(origin).host;
      finish(() => reject(new ConnectionError(`No answer from ${host}: the connection failed.`, { cause: error })));
    },
  };
  const { method, body = null } = request;
  agent.dispatch({ origin, path: `${pathname}${search}`, method, headers: request.headers, body }, handler);
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

function flatten(received: Record<string, string | string[] | undefined>): Record<string, string> {
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(received)) {
    if (value !== undefined) headers[name.toLowerCase()] = Array.isArray(value) ? value.join(", ") : value;
  }
  return headers;
}
