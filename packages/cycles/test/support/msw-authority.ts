import { type Transport, createFetchTransport } from "@imprest/core";
import { http } from "msw";
import { setupServer } from "msw/node";
import { afterAll, afterEach, beforeAll } from "vitest";
import { type Received, type WrittenAnswer, identified } from "./stub-authority.ts";

// msw sees `fetch`, not the connection pool that is the default on Node; sockets are `startStub`'s, where they are the point.
const server = setupServer();
let served = 0;

beforeAll(() => server.listen({ onUnhandledFrame: "error" }));
afterEach(() => server.resetHandlers());
afterAll(() => server.close());

/** Where a client reaches the authority; spread into its options. */
export interface ServedAuthority {
  readonly at: { readonly baseUrl: string; readonly transport: Transport };
  readonly received: readonly Received[];
}

/** A Cycles authority without a socket that answers what the test says, at an origin of its own. */
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
  server.use(handler);
  return { at: { baseUrl, transport: createFetchTransport() }, received };
}
