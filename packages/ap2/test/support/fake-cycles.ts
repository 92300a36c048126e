import { createHash } from "node:crypto";
import { once } from "node:events";
import { type IncomingMessage, type ServerResponse, createServer } from "node:http";
import type { AddressInfo } from "node:net";

/** One reservation of the fake. */
export interface FakeReservation {
  readonly id: string;
  status: "ACTIVE" | "COMMITTED" | "RELEASED" | "EXPIRED";
  readonly key: string;
  readonly reserved: number;
  readonly action: unknown;
  readonly subject: unknown;
  readonly metadata: Record<string, unknown> | undefined;
  readonly overage: string;
  expiresAt: number;
  readonly grace: number;
  committed?: number;
  committedMetadata?: unknown;
}

/** A request as it came. */
export interface Seen {
  readonly operation: string;
  readonly text: string;
  readonly body: Record<string, unknown>;
}

export type Fault =
  /** Answers this instead, without doing anything. */
  | { readonly status: number; readonly body?: unknown }
  /** Does it, then breaks the connection: the lost response. */
  | "lose-answer"
  /** Breaks the connection before anything is done. */
  | "lose-request"
  /** Does it and answers like this. */
  | { readonly answer: (real: Record<string, unknown>) => Record<string, unknown> };

/**
 * A Cycles authority in memory with the reference server's rules where they matter to payments: replays under one key
 * and payload, 409 on another payload, no reservation twice, expiry with grace, overage policies, events for late spend.
 */
export class FakeCycles {
  budget = 1_000_000_000_000_000;
  spent = 0;
  readonly reservations = new Map<string, FakeReservation>();
  readonly events = new Map<string, number>();
  readonly seen: Seen[] = [];
  /** Asked before each request. */
  fault: (operation: string, count: number) => Fault | undefined = () => undefined;
  /** Milliseconds; moved on by tests. */
  skewMs = 0;
  readonly #answers = new Map<string, { readonly hash: string; readonly answer: Record<string, unknown> }>();
  #ids = 0;

  get now(): number {
    return Date.now() + this.skewMs;
  }

  get reserved(): number {
    this.#expire();
    return [...this.reservations.values()]
      .filter(({ status }) => status === "ACTIVE")
      .reduce((sum, { reserved }) => sum + reserved, 0);
  }

  requests(operation: string): readonly Seen[] {
    return this.seen.filter((seen) => seen.operation === operation);
  }

  handle(method: string, url: string, text: string): { status: number; body: unknown } | "hang-up" {
    const operation = operationOf(method, url);
    const body = (text === "" ? {} : JSON.parse(text)) as Record<string, unknown>;
    this.seen.push({ operation, text, body });
    const fault = this.fault(operation, this.requests(operation).length);
    if (fault === "lose-request") return "hang-up";
    if (typeof fault === "object" && "status" in fault) return { status: fault.status, body: fault.body };
    this.#expire();
    const real = this.#answer(operation, url, text, body);
    if (fault === "lose-answer") return "hang-up";
    return typeof fault === "object"
      ? { status: real.status, body: fault.answer(real.body as Record<string, unknown>) }
      : real;
  }

  #answer(
    operation: string,
    url: string,
    text: string,
    body: Record<string, unknown>,
  ): { status: number; body: unknown } {
    const id = decodeURIComponent(url.split("?")[0]?.split("/")[3] ?? "");
    if (operation === "get") return this.#get(id);
    if (operation === "list") return this.#list(new URL(url, "http://fake").searchParams);
    if (body["dry_run"] === true) return ok({ decision: "ALLOW", affected_scopes: ["tenant:acme"] });
    const slot = `${operation}:${operation === "reserve" || operation === "event" ? "" : id}:${String(body["idempotency_key"])}`;
    const hash = createHash("sha256").update(text).digest("hex");
    const known = this.#answers.get(slot);
    if (known) {
      if (known.hash !== hash) return refusal(409, "IDEMPOTENCY_MISMATCH");
      const expiresAt = this.reservations.get(String(known.answer["reservation_id"]))?.expiresAt ?? 0;
      const replay =
        operation === "reserve"
          ? { remaining_ttl_ms: this.#isActive(known.answer) ? Math.max(0, expiresAt - this.now) : 0 }
          : // Made anew on a replay (Cycles §extend).
            operation === "extend"
            ? { remaining_ttl_ms: Math.max(0, Number(known.answer["expires_at_ms"]) - this.now) }
            : {};
      return { status: operation === "event" ? 201 : 200, body: { ...known.answer, ...replay } };
    }
    const result = this.#act(operation, id, body);
    if (result.status < 300) this.#answers.set(slot, { hash, answer: result.body as Record<string, unknown> });
    return result;
  }

  #isActive(answer: Record<string, unknown>): boolean {
    return this.reservations.get(String(answer["reservation_id"]))?.status === "ACTIVE";
  }

  #act(operation: string, id: string, body: Record<string, unknown>): { status: number; body: unknown } {
    if (operation === "reserve") return this.#reserve(body);
    if (operation === "event") return this.#event(body);
    const reservation = this.reservations.get(id);
    if (!reservation) return refusal(404, "NOT_FOUND");
    if (reservation.status === "EXPIRED") return refusal(410, "RESERVATION_EXPIRED");
    if (reservation.status !== "ACTIVE") return refusal(409, "RESERVATION_FINALIZED");
    if (operation === "extend") {
      reservation.expiresAt += Number(body["extend_by_ms"]);
      return ok({
        status: "ACTIVE",
        expires_at_ms: reservation.expiresAt,
        remaining_ttl_ms: reservation.expiresAt - this.now,
      });
    }
    if (operation === "release") {
      reservation.status = "RELEASED";
      return ok({ status: "RELEASED", released: money(reservation.reserved) });
    }
    const actual = (body["actual"] as { readonly amount: number }).amount;
    if (actual > reservation.reserved && reservation.overage === "REJECT") return refusal(409, "BUDGET_EXCEEDED");
    reservation.status = "COMMITTED";
    reservation.committed = actual;
    reservation.committedMetadata = body["metadata"];
    this.spent += actual;
    return ok({
      status: "COMMITTED",
      charged: money(actual),
      released: money(Math.max(0, reservation.reserved - actual)),
    });
  }

  #reserve(body: Record<string, unknown>): { status: number; body: unknown } {
    const { action, subject, estimate, ttl_ms: ttl = 60_000, grace_period_ms: grace = 5_000 } = body;
    const unknown = Object.keys(action as object).find((name) => !["kind", "name", "tags"].includes(name));
    if (unknown) return refusal(400, "INVALID_REQUEST");
    const { amount } = estimate as { readonly amount: number };
    if (this.spent + this.reserved + amount > this.budget) return refusal(409, "BUDGET_EXCEEDED");
    const id = `rsv_${(this.#ids += 1)}`;
    const reservation: FakeReservation = {
      id,
      status: "ACTIVE",
      key: String(body["idempotency_key"]),
      reserved: amount,
      action,
      subject,
      metadata: body["metadata"] as Record<string, unknown> | undefined,
      overage: String(body["overage_policy"]),
      expiresAt: this.now + Number(ttl),
      grace: Number(grace),
    };
    this.reservations.set(id, reservation);
    return ok({
      decision: "ALLOW",
      reservation_id: id,
      reserved: money(amount),
      expires_at_ms: reservation.expiresAt,
      remaining_ttl_ms: Number(ttl),
      affected_scopes: ["tenant:acme"],
    });
  }

  #event(body: Record<string, unknown>): { status: number; body: unknown } {
    const { amount } = body["actual"] as { readonly amount: number };
    const id = `evt_${(this.#ids += 1)}`;
    this.events.set(id, amount);
    this.spent += amount;
    return { status: 201, body: { status: "APPLIED", event_id: id } };
  }

  #get(id: string): { status: number; body: unknown } {
    const reservation = this.reservations.get(id);
    if (!reservation) return refusal(404, "NOT_FOUND");
    if (reservation.status === "EXPIRED") return refusal(410, "RESERVATION_EXPIRED");
    return ok(detail(reservation));
  }

  #list(query: URLSearchParams): { status: number; body: unknown } {
    const key = query.get("idempotency_key");
    const found = [...this.reservations.values()].filter((reservation) => key === null || reservation.key === key);
    return ok({ reservations: found.map(detail), has_more: false });
  }

  #expire(): void {
    for (const reservation of this.reservations.values()) {
      if (reservation.status === "ACTIVE" && this.now > reservation.expiresAt + reservation.grace)
        reservation.status = "EXPIRED";
    }
  }
}

function detail(reservation: FakeReservation): Record<string, unknown> {
  return {
    reservation_id: reservation.id,
    status: reservation.status,
    subject: reservation.subject,
    action: reservation.action,
    reserved: money(reservation.reserved),
    created_at_ms: 1,
    expires_at_ms: reservation.expiresAt,
    scope_path: "tenant:acme",
    affected_scopes: ["tenant:acme"],
    idempotency_key: reservation.key,
    ...(reservation.metadata && { metadata: reservation.metadata }),
    ...(reservation.committed !== undefined && { committed: money(reservation.committed) }),
  };
}

function operationOf(method: string, url: string): string {
  const [path = ""] = url.split("?");
  if (path === "/v1/events") return "event";
  if (path === "/v1/reservations") return method === "GET" ? "list" : "reserve";
  return method === "GET" ? "get" : (path.split("/").at(-1) ?? "");
}

function money(amount: number): { unit: string; amount: number } {
  return { unit: "USD_MICROCENTS", amount };
}

function ok(body: unknown): { status: number; body: unknown } {
  return { status: 200, body };
}

export function refusal(status: number, error: string): { status: number; body: unknown } {
  return { status, body: { error, message: `${error} happened`, request_id: "req_1" } };
}

/** Serves a fake over HTTP on this machine. */
export async function serveCycles(fake: FakeCycles): Promise<{ readonly url: string; close(): void }> {
  const server = createServer((request, response) => void answer(fake, request, response));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: () => {
      server.closeAllConnections();
      server.close();
    },
  };
}

async function answer(fake: FakeCycles, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  const result = fake.handle(request.method ?? "", request.url ?? "", Buffer.concat(chunks).toString());
  if (result === "hang-up") return void request.socket.destroy();
  response.writeHead(result.status, { "content-type": "application/json", "x-request-id": "req_1" });
  response.end(result.body === undefined ? "" : JSON.stringify(result.body));
}
