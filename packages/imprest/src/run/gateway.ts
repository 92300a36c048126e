import { AuthorityUnreachableError } from "@imprest/core";
import { exchangeCredential } from "./credentials.ts";
import { refuse } from "./refusal.ts";
import { type GatewayRoute, addressOf } from "./routes.ts";

/** What a gateway stands between. */
export interface GatewayOptions {
  readonly routes: readonly GatewayRoute[];
  /** A guarded fetch, such as `budget.fetch`. */
  readonly fetch: typeof fetch;
  /** `Host` must be one of these: a page that has its own name resolve to this machine comes with another one. */
  readonly hosts: () => readonly string[];
  /** A request was passed to the guard. */
  readonly onPassed?: (() => void) | undefined;
}

/** Headers that belong to one connection, that the upstream is asked for in another way, or that ask for another method. */
const ofTheConnection =
  /^(?:host|origin|referer|connection|keep-alive|te|trailer|transfer-encoding|upgrade|expect|content-length|accept-encoding|proxy-.*|sec-.*|x-forwarded-.*|forwarded|http2-settings|x-http-method|x-(?:http-)?method-override)$/;
/** Who spends is what the starter of the run has said; the program does not choose another budget, nor a reservation. */
const ofTheGuard = /^imprest-/;
/** Answer headers that are not the child's: fetch has decoded the body, and no page may read it. */
const ofTheUpstream =
  /^(?:connection|keep-alive|transfer-encoding|content-encoding|content-length|trailer|upgrade|set-cookie|alt-svc|location|access-control-.*|proxy-.*)$/;

/**
 * The gateway as a web-standard handler: it checks who asks, puts the real key in, and hands the request to a guarded fetch.
 * Never rejects but for the request's own abort. No error and no header that it hands out holds a key, nor the text of an error from below.
 */
export function createGateway({
  routes,
  fetch,
  hosts,
  onPassed,
}: GatewayOptions): (request: Request) => Promise<Response> {
  const byName = new Map(routes.map((route) => [route.provider.name as string, route]));
  return async (request) => {
    const url = new URL(request.url);
    if (!hosts().includes(request.headers.get("host") ?? "")) {
      return refuse({ status: 403, code: "FOREIGN_HOST", message: "This gateway answers to its own address alone." });
    }
    if (request.headers.has("origin") || request.method === "OPTIONS") {
      return refuse({ status: 403, code: "FOREIGN_ORIGIN", message: "This gateway answers no web page." });
    }
    const [, name = "", path = ""] = /^\/([^/]*)(\/.*)?$/.exec(url.pathname) ?? [];
    if (name === "bedrock" || request.headers.get("authorization")?.startsWith("AWS4-") === true) {
      const message = "Bedrock's requests are signed for its own host, so no gateway can pass them on; none was sent.";
      return refuse({ status: 400, code: "SIGNED_REQUEST", message });
    }
    const route = byName.get(name);
    if (route?.upstream === undefined) {
      return refuse({ status: 404, code: "UNKNOWN_PROVIDER", message: "The gateway knows no provider of this name." });
    }
    const headers = new Headers(request.headers);
    const query = new URLSearchParams(url.search);
    if (!exchangeCredential(headers, query, route.keys)) {
      const variables = route.provider.keys.map((key) => key.name).join(" or ");
      const message = `The credential is not the one that imprest run gave. Set ${variables} before imprest run, which keeps it from the program.`;
      return refuse({ status: 401, code: "UNKNOWN_CREDENTIAL", message });
    }
    const unwanted = [...headers.keys()].filter((header) => ofTheConnection.test(header) || ofTheGuard.test(header));
    for (const header of unwanted) headers.delete(header);
    query.delete("_method");
    headers.set("accept-encoding", "identity");
    const address = addressOf({ ...route, upstream: route.upstream }, path, query);
    onPassed?.();
    return withoutKeys(await pass(fetch, address, request, headers), route.keys);
  };
}

async function pass(
  fetch: GatewayOptions["fetch"],
  address: URL,
  request: Request,
  headers: Headers,
): Promise<Response> {
  const { method, body, signal } = request;
  const init: RequestInit = { method, headers, signal, redirect: "manual" };
  try {
    const answer = await fetch(address, body === null ? init : ({ ...init, body, duplex: "half" } as RequestInit));
    if (answer.status >= 300 && answer.status < 400 && answer.status !== 304) {
      await answer.body?.cancel();
      const message = `${address.host} redirected the request; a key goes to no host that you did not choose.`;
      return refuse({ status: 502, code: "REDIRECTED", message });
    }
    const kept = new Headers([...answer.headers].filter(([name]) => !ofTheUpstream.test(name)));
    return new Response(answer.body, { status: answer.status, statusText: answer.statusText, headers: kept });
  } catch (error) {
    if (signal.aborted) throw error;
    if (AuthorityUnreachableError.isInstance(error)) {
      const message = "The budget authority gave no answer, so nothing was sent.";
      return refuse({ status: 503, code: "AUTHORITY_UNREACHABLE", message });
    }
    // The text of the error may repeat an address with a key in it.
    const message = `${address.host} could not be reached (${codeOf(error)}).`;
    return refuse({ status: 502, code: "UPSTREAM_UNREACHABLE", message });
  }
}

/** The longest error that is looked through; what follows is cut. */
const longestError = 1024 * 1024;

/**
 * An answer in whose headers, and in whose body where it is an error, the program's credential stands for a key that the
 * provider repeats. Other bodies are the model's, and pass as they come.
 */
async function withoutKeys(answer: Response, keys: ReadonlyMap<string, string>): Promise<Response> {
  const cleaned = (text: string): string =>
    [...keys].reduce((left, [credential, key]) => left.replaceAll(key, credential), text);
  const { ok, status, statusText, body } = answer;
  const headers = new Headers([...answer.headers].map(([name, value]) => [name, cleaned(value)]));
  const rebuilt = { status, statusText: cleaned(statusText), headers };
  if (ok || body === null) return new Response(body, rebuilt);
  const text = new TextDecoder("utf-8").decode(await readStart(body, longestError));
  return new Response(cleaned(text), rebuilt);
}

async function readStart(body: ReadableStream<Uint8Array>, limit: number): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of body) {
    chunks.push(chunk);
    length += chunk.length;
    if (length > limit) break;
  }
  const bytes = new Uint8Array(length);
  let at = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, at);
    at += chunk.length;
  }
  return bytes.subarray(0, limit);
}

function codeOf(error: unknown): string {
  for (let one: unknown = error, depth = 0; one instanceof Error && depth < 8; one = one.cause, depth += 1) {
    if ("code" in one && typeof one.code === "string" && /^[A-Z\d_]{1,64}$/.test(one.code)) return one.code;
  }
  return "the connection failed";
}
