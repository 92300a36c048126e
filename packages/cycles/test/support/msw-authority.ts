import { type Transport, createFetchTransport } from "@imprest/core";
import { http } from "msw";
import { setupServer } from "msw/node";
import { onTestFinished } from "vitest";
import { type Received, type WrittenAnswer, identified } from "./stub-authority.ts";

// msw sees `fetch`, not the connection pool that is the default on Node; sockets are `startStub`'s, where they are the point.
const server = setupServer();
let served = 0;
let open = 0;

/** Where a client reaches the authority; spread into its options. */
export interface ServedAuthority {
  readonly at: { readonly baseUrl: string; readonly transport: Transport };
  readonly received: readonly Received[];
}

/** A Cycles authority without a socket that answers what the test says, at an origin of its own; it ends with the test. */
export function serveStub(answer: (request: Received, count: number) => WrittenAnswer): ServedAuthority {
  const received: Received[] = [];
  served += 1;
  const baseUrl = `https://authority-${served}.example`;
  const handler = http.all(`${baseUrl}/*`, async ({ request }) => {
    const body = await request.text();
    const entry: Received = {
      method: request.method,
      path: request.url.slice(baseUrl.length),
      headers: Object.fromEntries(request.headers),
      body,
      json: (body === "" ? {} : JSON.parse(body)) as Record<string, unknown>,
    };
    received.push(entry);
    const { status = 200, body: value, text, headers } = answer(entry, received.length);
    // A 304 may have no body, not even an empty one.
    const written = text ?? (value === undefined ? "" : JSON.stringify(value));
    return new Response(written === "" ? null : written, { status, headers: { ...identified, ...headers } });
  });
  if (open === 0) server.listen({ onUnhandledFrame: "error" });
  open += 1;
  onTestFinished(() => {
    open -= 1;
    if (open > 0) return;
    server.resetHandlers();
    server.close();
  });
  server.use(handler);
  return { at: { baseUrl, transport: createFetchTransport() }, received };
}
