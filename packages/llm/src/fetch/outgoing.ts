import { parsed, readBounded } from "./read-bounded.ts";
import { type Bag, isBag } from "./wires/wire.ts";

/** The arguments of a `fetch`, as they leave: nothing of `init` is lost, whatever else an SDK puts there. */
export interface Outgoing {
  /** The address as it was given, and as it is read. */
  readonly target: string | URL;
  readonly url: URL;
  readonly method: string;
  readonly headers: Headers;
  readonly signal: AbortSignal | undefined;
  /** What is handed on beside method, headers, body and signal. */
  readonly rest: RequestInit;
  /** Held for its signal, which Node lets go with the request. */
  readonly request: Request | undefined;
  /** The body in any form that `fetch` takes. */
  readonly body: RequestInit["body"] | undefined;
}

/** A request's body, read. */
export interface RequestBody {
  /** What is sent where nothing is changed: text or bytes, because a stream can be read once. */
  readonly bytes: string | Uint8Array<ArrayBuffer>;
  /** The JSON object, or the text fields of a form. */
  readonly members: Bag;
  /** True where `members` is JSON that can be written again. */
  readonly isJson: boolean;
}

/** No provider takes a longer request; more is refused before it is held in memory. */
const longestRequest = 128 * 1024 * 1024;

/** Members of a `Request` that a `RequestInit` has under the same name. */
const kept = ["redirect", "credentials", "cache", "referrer", "referrerPolicy", "integrity", "keepalive"] as const;

/** @throws TypeError for what is no URL, as `fetch` does. */
export function outgoing(input: Parameters<typeof fetch>[0], init: RequestInit = {}): Outgoing {
  const request = typeof input === "object" && "headers" in input ? input : undefined;
  const target = request?.url ?? (input as string | URL);
  const ofRequest = request === undefined ? [] : kept.map((name) => [name, request[name]] as const);
  const { method = request?.method ?? "GET", headers, body, signal, ...rest } = init;
  return {
    target,
    url: new URL(target, baseUrl()),
    method: method.toUpperCase(),
    headers: new Headers(headers ?? request?.headers),
    signal: (signal === undefined ? request?.signal : signal) ?? undefined,
    rest: { ...Object.fromEntries(ofRequest.filter(([, value]) => value !== undefined)), ...rest },
    request,
    body: body ?? request?.body,
  };
}

/** A page resolves an address without a host by its own. */
function baseUrl(): string | undefined {
  return (globalThis as { readonly location?: { readonly href?: string } }).location?.href;
}

/** Reads a body of any form. @returns `undefined` for one that is too long, neither a JSON object nor a form, or a form with a field given twice. */
export async function readBody({ body, headers, signal }: Outgoing): Promise<RequestBody | undefined> {
  if (body === undefined || body === null) return undefined;
  if (typeof body === "string") return jsonBody(body);
  const wrapped = new Response(body);
  const bytes = await readBounded(wrapped.body, longestRequest, signal);
  if (bytes === undefined) return undefined;
  const type = headers.get("content-type") ?? wrapped.headers.get("content-type") ?? "";
  if (!/multipart\/form-data|x-www-form-urlencoded/.test(type)) return jsonBody(bytes);
  // The boundary is that of these bytes.
  headers.set("content-type", type);
  const fields = await new Response(bytes, { headers: { "content-type": type } }).formData().catch(() => undefined);
  if (fields === undefined) return undefined;
  // Which of two values holds, a server decides.
  const texts = Array.from(fields).filter(([name, value]) => typeof value === "string" && !name.endsWith("[]"));
  if (new Set(texts.map(([name]) => name)).size < texts.length) return undefined;
  const members = Object.fromEntries(
    Array.from(fields, ([name, value]) => [name, typeof value === "string" ? value : {}]),
  );
  return { bytes, members, isJson: false };
}

function jsonBody(bytes: RequestBody["bytes"]): RequestBody | undefined {
  const members = parsed(bytes);
  return isBag(members) ? { bytes, members, isJson: true } : undefined;
}
