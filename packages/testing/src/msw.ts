import { ConfigurationError } from "@imprest/core";
import { aspJwksPath, aspMetadataPath, aspServicePath } from "@imprest/core/models/asp";
import { type HttpHandler, http } from "msw/http";
import type { ServedAuthority } from "./served-authority.ts";

export type { ServedAuthority };

/** What an embedded authority answers beside the verbs: its keys, its metadata, and its feed of events. */
const aspDocuments: ReadonlySet<string> = new Set([aspJwksPath, aspMetadataPath, "/asp/events"]);

/** An embedded authority with the option `asp`: it has the group `audit`. */
export interface ServedAspAuthority extends ServedAuthority {
  readonly audit: object;
}

/** What the handlers answer. */
export interface HandlerOptions {
  /** The client's own `baseUrl`, with its path where it has one; requests to any origin are answered when absent. */
  readonly baseUrl?: string | undefined;
}

/**
 * Handlers of msw that answer the Cycles protocol out of an embedded authority: no port, in a test of Node or of a page.
 * msw sees what goes through `fetch`; on Node give the client `transport: createFetchTransport()`, because the default
 * transport there is a connection pool.
 * @throws ConfigurationError for a `baseUrl` that is no URL, and as `embedded.handler` does.
 * @example
 * const embedded = createEmbeddedAuthority();
 * const server = setupServer(...cyclesHandlers(embedded, { baseUrl: "https://cycles.example" }));
 * server.listen({ onUnhandledFrame: "error" });
 */
export function cyclesHandlers(embedded: ServedAuthority, options: HandlerOptions = {}): HttpHandler[] {
  return [handlerOf(embedded, (path) => path.startsWith("/v1/"), options)];
}

/**
 * Handlers of msw that answer the Agent Spend Protocol out of an embedded authority with the option `asp`.
 * @throws ConfigurationError for a `baseUrl` that is no URL, and as `embedded.handler` does.
 * @example
 * const embedded = createEmbeddedAuthority({ asp: { issuer: "https://asp.example", signingKey } });
 * const server = setupServer(...aspHandlers(embedded, { baseUrl: "https://asp.example" }));
 */
export function aspHandlers(embedded: ServedAspAuthority, options: HandlerOptions = {}): HttpHandler[] {
  return [handlerOf(embedded, (path) => path.startsWith(`/${aspServicePath}/`) || aspDocuments.has(path), options)];
}

function handlerOf(
  { handler }: ServedAuthority,
  answers: (path: string) => boolean,
  { baseUrl }: HandlerOptions,
): HttpHandler {
  if (baseUrl !== undefined && !URL.canParse(baseUrl)) throw new ConfigurationError("baseUrl is not a URL.");
  const base = baseUrl === undefined ? undefined : new URL(baseUrl);
  const prefix = base?.pathname.replace(/\/+$/, "") ?? "";
  /** The request's URL as the authority knows it, without the path of the base; none for what is not its own. */
  const targetOf = (url: string): URL | undefined => {
    const { origin, pathname, search } = new URL(url);
    if (base !== undefined && origin !== base.origin) return undefined;
    const path = pathname.startsWith(prefix) ? pathname.slice(prefix.length) : "";
    return answers(path) ? new URL(path + search, origin) : undefined;
  };
  return http.all(
    ({ request }) => targetOf(request.url) !== undefined,
    ({ request }) => handler(new Request(targetOf(request.url) ?? request.url, request)),
  );
}
