import { once } from "node:events";
import { createServer, type IncomingHttpHeaders, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { onTestFinished } from "vitest";

/** A request as it came. */
export interface Received {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
  /** The body as plain JSON; amounts as numbers. */
  readonly json: Record<string, unknown>;
}

/** A status with a JSON body, or with a text. */
export interface WrittenAnswer {
  readonly status?: number;
  readonly body?: unknown;
  readonly text?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** What the stub answers, or what it does to the socket instead. */
export type Answer = WrittenAnswer | ((response: ServerResponse) => void);

export interface StubAuthority {
  readonly url: string;
  readonly received: readonly Received[];
}

/** A Cycles authority on a real socket that answers what the test says; gone when the test ends. */
export async function startStub(answer: (request: Received, count: number) => Answer): Promise<StubAuthority> {
  const received: Received[] = [];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      const body = Buffer.concat(chunks).toString();
      const json = (body === "" ? {} : JSON.parse(body)) as Record<string, unknown>;
      const entry = { method: request.method ?? "", path: request.url ?? "", headers: request.headers, body, json };
      received.push(entry);
      reply(response, answer(entry, received.length));
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, received };
}

function reply(response: ServerResponse, answer: Answer): void {
  response.on("error", () => {});
  if (typeof answer === "function") return answer(response);
  const { status = 200, body, text, headers = {} } = answer;
  response.writeHead(status, { ...identified, ...headers });
  response.end(text ?? (body === undefined ? "" : JSON.stringify(body)));
}

/** The headers of every answer, where it says nothing else of them. */
export const identified: Readonly<Record<string, string>> = {
  "content-type": "application/json",
  "x-request-id": "req_1",
  "x-cycles-trace-id": "4bf92f3577b34da6a3ce929d0e0e4736",
};

/** An error answer of the protocol. */
export function refusal(status: number, error: string, more: Record<string, unknown> = {}): WrittenAnswer {
  return { status, body: { error, message: `${error} happened`, request_id: "req_body", ...more } };
}

export const money = { unit: "USD_MICROCENTS", amount: 500_000 };

export const allow = {
  decision: "ALLOW",
  reservation_id: "rsv_1",
  reserved: money,
  expires_at_ms: 1_900_000_000_000,
  remaining_ttl_ms: 30_000,
  affected_scopes: ["tenant:acme"],
};

export const committed = { status: "COMMITTED", charged: money };

/** A value with an unknown member in each of its objects. */
export function withAdditions(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withAdditions);
  if (typeof value !== "object" || value === null) return value;
  const members = Object.entries(value).map(([key, member]) => [key, withAdditions(member)]);
  return { ...Object.fromEntries(members), x_added_later: { nested: [1, "two"] } };
}
