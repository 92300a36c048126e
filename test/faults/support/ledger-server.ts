import { once } from "node:events";
import { type IncomingMessage, type Server, type ServerResponse, createServer } from "node:http";
import type { AddressInfo } from "node:net";

/** The operations that change something. */
export type Operation = "create" | "extend" | "commit" | "release" | "event";

/**
 * What happens to one request instead of a plain answer. `acted` says whether the ledger moved first.
 * An answer of the ledger itself is held back, broken or replaced; its memory of the key is kept in any case.
 */
export type Fault =
  | { readonly kind: "reset" | "hang" | "truncated"; readonly acted: boolean }
  | {
      readonly kind: "answer";
      readonly acted: boolean;
      readonly status: number;
      readonly body?: unknown;
      readonly headers?: Readonly<Record<string, string>>;
    };

/** A request as it came over the socket. */
export interface Seen {
  readonly operation: Operation;
  readonly reservationId: string;
  readonly key: string;
  readonly apiKey: string;
  readonly body: string;
  readonly json: Readonly<Record<string, unknown>>;
  /** Milliseconds of `performance.now()`. */
  readonly at: number;
}

/** A spend that the books show. */
export interface Charge {
  readonly reservationId: string;
  readonly key: string;
  readonly amount: number;
}

interface Answer {
  readonly status: number;
  readonly body: unknown;
}

/**
 * A Cycles authority that books exactly once a key, as the specification has it, and breaks where the test says. It holds
 * what a reservation was charged, so that a test sees what was settled twice or not at all.
 */
export class LedgerServer {
  readonly seen: Seen[] = [];
  readonly charges: Charge[] = [];
  /** Taken in turn, one a request. */
  readonly faults: Record<Operation, Fault[]> = { create: [], extend: [], commit: [], release: [], event: [] };
  /** Reservations that have run out. */
  readonly expired = new Set<string>();
  /** Whether every reservation has. */
  allExpired = false;
  /** The keys that are taken; any when empty. */
  readonly apiKeys = new Set<string>();
  /** What is answered as left of every lease, in milliseconds. */
  remainingMs = 30_000;
  /** Called before anything is done with a request; may wait. */
  onRequest: (seen: Seen) => void | Promise<void> = () => {};
  readonly #remembered = new Map<string, { readonly body: string; readonly answer: Answer }>();
  #server: Server | undefined;
  #port = 0;
  #reservations = 0;

  get url(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  /** Listens, on the same port as before. */
  async start(): Promise<this> {
    const server = createServer((request, response) => void this.#serve(request, response));
    this.#server = server;
    server.listen(this.#port, "127.0.0.1");
    await once(server, "listening");
    this.#port = (server.address() as AddressInfo).port;
    return this;
  }

  /** Refuses connections, and breaks those that stand, until `start`. */
  async stop(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    if (server === undefined) return;
    server.close();
    server.closeAllConnections();
    await once(server, "close");
  }

  /** The requests that settle, in order. */
  get settlements(): readonly Seen[] {
    return this.seen.filter(({ operation }) => operation !== "create" && operation !== "extend");
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    response.on("error", () => {});
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const seen = readRequest(request, Buffer.concat(chunks).toString());
    this.seen.push(seen);
    await this.onRequest(seen);
    const fault = this.faults[seen.operation].shift();
    const isKnownKey = this.apiKeys.size === 0 || this.apiKeys.has(seen.apiKey);
    const answer = !isKnownKey ? refusal(401, "UNAUTHORIZED") : fault?.acted === false ? undefined : this.#act(seen);
    if (fault === undefined || !isKnownKey) return send(response, answer ?? refusal(500, "INTERNAL_ERROR"));
    if (fault.kind === "reset") return void request.socket.destroy();
    if (fault.kind === "hang") return;
    if (fault.kind === "answer") return send(response, { status: fault.status, body: fault.body }, fault.headers);
    const text = JSON.stringify(answer?.body ?? {});
    response.writeHead(answer?.status ?? 200, { "content-type": "application/json", "content-length": text.length });
    response.write(text.slice(0, Math.floor(text.length / 2)), () => request.socket.destroy());
  }

  /** Same key, same answer; the same key for something else is refused (Cycles §Idempotency). */
  #act(seen: Seen): Answer {
    const scope = `${seen.operation} ${seen.key}`;
    const remembered = this.#remembered.get(scope);
    if (remembered !== undefined) {
      return remembered.body === seen.body ? remembered.answer : refusal(409, "IDEMPOTENCY_MISMATCH");
    }
    const answer = this.#book(seen);
    if (answer.status < 400) this.#remembered.set(scope, { body: seen.body, answer });
    return answer;
  }

  #book({ operation, reservationId, key, json }: Seen): Answer {
    const actual = json["actual"] as { readonly unit: string; readonly amount: number } | undefined;
    const lease = { expires_at_ms: Date.now() + this.remainingMs, remaining_ttl_ms: this.remainingMs };
    if (operation === "create") {
      this.#reservations += 1;
      const id = `rsv_${this.#reservations}`;
      const scopes = { affected_scopes: ["tenant:acme"] };
      return {
        status: 200,
        body: { decision: "ALLOW", reservation_id: id, reserved: json["estimate"], ...lease, ...scopes },
      };
    }
    if (operation === "event") {
      this.charges.push({ reservationId: `event of ${key}`, key, amount: actual?.amount ?? Number.NaN });
      return { status: 201, body: { status: "APPLIED", event_id: `evt_${key}` } };
    }
    if (this.allExpired || this.expired.has(reservationId)) return refusal(410, "RESERVATION_EXPIRED");
    if (operation === "extend") return { status: 200, body: { status: "ACTIVE", ...lease } };
    if (operation === "release") {
      return { status: 200, body: { status: "RELEASED", released: { unit: "USD_MICROCENTS", amount: 1 } } };
    }
    if (this.charges.some((charge) => charge.reservationId === reservationId)) {
      return refusal(409, "RESERVATION_FINALIZED");
    }
    this.charges.push({ reservationId, key, amount: actual?.amount ?? Number.NaN });
    return { status: 200, body: { status: "COMMITTED", charged: actual } };
  }
}

/** An error answer of the protocol. */
export function refusal(status: number, error: string): Answer {
  return { status, body: { error, message: `${error} happened`, request_id: "req_1" } };
}

function send(
  response: ServerResponse,
  { status, body }: Answer,
  headers: Readonly<Record<string, string>> = {},
): void {
  response.writeHead(status, { "content-type": "application/json", ...headers });
  response.end(body === undefined ? "" : JSON.stringify(body));
}

/** `/v1/reservations`, `/v1/reservations/<id>/<verb>` or `/v1/events`. */
export function operationOf(path: string): Operation {
  const [, , resource, , verb = "create"] = path.split("/");
  return (resource === "events" ? "event" : verb) as Operation;
}

function readRequest(request: IncomingMessage, body: string): Seen {
  const path = request.url ?? "";
  const operation = operationOf(path);
  const json = JSON.parse(body) as Record<string, unknown>;
  return {
    operation,
    reservationId: decodeURIComponent(path.split("/")[3] ?? ""),
    key: String(request.headers["x-idempotency-key"]),
    apiKey: String(request.headers["x-cycles-api-key"]),
    body,
    json,
    at: performance.now(),
  };
}
