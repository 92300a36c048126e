import { once } from "node:events";
import { type IncomingMessage, type ServerResponse, createServer } from "node:http";
import type { AddressInfo } from "node:net";

/** A PaymentIntent, as far as the stand-in keeps one. */
export interface Intent {
  readonly id: string;
  readonly object: "payment_intent";
  status: string;
  readonly amount: number;
  amount_received: number;
  readonly currency: string;
  readonly capture_method: string;
  /** Seconds since the epoch. */
  readonly created: number;
  readonly metadata: Record<string, string>;
  last_payment_error?: { readonly type: string; readonly code: string };
}

/** A refund, as far as the stand-in keeps one. */
export interface Refund {
  readonly id: string;
  readonly object: "refund";
  readonly payment_intent: string;
  readonly amount: number;
  readonly currency: string;
  status: string;
  readonly created: number;
  readonly metadata: Record<string, string>;
}

/** What happens to one request instead of its plain answer. */
export type Fault =
  /** Does it, and breaks the connection. */
  | "lose-answer"
  /** Breaks the connection before anything is done. */
  | "lose-request"
  /** Answers this, having done it or not. */
  | { readonly status: number; readonly error: object; readonly done?: boolean };

/** One request as it came. */
export interface Seen {
  readonly method: string;
  /** `create`, `confirm`, `capture`, `cancel`, `retrieve`, `list`, `refund`, `list-refunds`. */
  readonly operation: string;
  readonly key: string | undefined;
}

const dayMs = 86_400_000;
const open: ReadonlySet<string> = new Set(["requires_payment_method", "requires_confirmation", "requires_action"]);

/**
 * A local stand-in for the part of Stripe's API that payments need, with Stripe's rules: an intent succeeds once, an answer
 * is repeated under its key for 24 hours, a list comes in pages.
 */
export class StripeServer {
  readonly intents: Intent[] = [];
  readonly refunds: Refund[] = [];
  readonly seen: Seen[] = [];
  /** Every movement of money to the merchant, in minor units. */
  readonly charged: number[] = [];
  /** Asked before each request. */
  fault: (seen: Seen, nth: number) => Fault | undefined = () => undefined;
  /** What becomes of a confirmation: a status, or a decline. */
  confirmation: string = "succeeded";
  /** Moved on by tests, in milliseconds. */
  skewMs = 0;
  readonly #answers = new Map<string, { readonly atMs: number; readonly form: string; readonly answer: Answer }>();
  readonly #server = createServer((request, response) => void this.#handle(request, response));

  async listen(): Promise<this> {
    this.#server.listen(0, "127.0.0.1");
    await once(this.#server, "listening");
    return this;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  get refunded(): number {
    return this.refunds.reduce((sum, { amount }) => sum + amount, 0);
  }

  close(): void {
    this.#server.closeAllConnections();
    this.#server.close();
  }

  requests(operation: string): readonly Seen[] {
    return this.seen.filter((seen) => seen.operation === operation);
  }

  async #handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method = "", url = "" } = request;
    const form = await readText(request);
    const { pathname, searchParams } = new URL(url, "http://stripe");
    const key = request.headers["idempotency-key"]?.toString();
    const seen = { method, operation: operationOf(method, pathname), key };
    this.seen.push(seen);
    const fault = this.fault(seen, this.requests(seen.operation).length);
    if (fault === "lose-request") return void request.socket.destroy();
    const refused = typeof fault === "object" ? { status: fault.status, body: { error: fault.error } } : undefined;
    const isDone = typeof fault !== "object" || fault.done === true;
    const parameters = method === "GET" ? searchParams : new URLSearchParams(form);
    const answer = this.#once(key, form, () => {
      const done = isDone ? this.#act(seen.operation, pathname.split("/")[3] ?? "", parameters) : undefined;
      return refused ?? done ?? failure(500, "api_error", "nothing was done");
    });
    if (fault === "lose-answer") return void request.socket.destroy();
    response.writeHead(answer.status, { "content-type": "application/json" });
    response.end(JSON.stringify(answer.body));
  }

  /** Under a key that is remembered the first answer comes again, a 500 too; a 4xx that was not executed does not. */
  #once(key: string | undefined, form: string, act: () => Answer): Answer {
    const nowMs = Date.now() + this.skewMs;
    const known = key === undefined ? undefined : this.#answers.get(key);
    if (known && nowMs - known.atMs < dayMs) {
      if (known.form === form) return known.answer;
      return failure(
        400,
        "idempotency_error",
        "Keys for idempotent requests can only be used with the same parameters",
      );
    }
    const answer = act();
    const isKept = answer.status < 400 || answer.status === 402 || answer.status >= 500;
    if (key !== undefined && isKept) this.#answers.set(key, { atMs: nowMs, form, answer });
    return answer;
  }

  #act(operation: string, id: string, form: URLSearchParams): Answer {
    if (operation === "list") return page(this.intents, form, "/v1/payment_intents");
    if (operation === "list-refunds") {
      const of = form.get("payment_intent");
      const refunds = this.refunds.filter((refund) => of === null || refund.payment_intent === of);
      return page(refunds, form, "/v1/refunds");
    }
    if (operation === "create") return this.#create(form);
    if (operation === "refund") return this.#refund(form);
    const intent = this.intents.find((one) => one.id === id);
    if (intent === undefined) return failure(404, "invalid_request_error", "No such payment_intent");
    if (operation === "confirm") return this.#confirm(intent);
    if (operation === "capture") return this.#capture(intent, form);
    if (operation === "cancel") return cancel(intent);
    return { status: 200, body: { ...intent } };
  }

  #create(form: URLSearchParams): Answer {
    const intent: Intent = {
      id: `pi_${this.intents.length + 1}`,
      object: "payment_intent",
      status: "requires_confirmation",
      amount: Number(form.get("amount")),
      amount_received: 0,
      currency: form.get("currency") ?? "",
      capture_method: form.get("capture_method") ?? "automatic",
      created: Math.floor((Date.now() + this.skewMs) / 1000),
      metadata: metadataOf(form),
    };
    this.intents.unshift(intent);
    return form.get("confirm") === "true" ? this.#confirm(intent) : { status: 200, body: { ...intent } };
  }

  #confirm(intent: Intent): Answer {
    if (!open.has(intent.status)) return unexpected(intent);
    if (this.confirmation === "declined") {
      intent.status = "requires_payment_method";
      intent.last_payment_error = { type: "card_error", code: "card_declined" };
      return { status: 402, body: { error: { ...intent.last_payment_error, payment_intent: { ...intent } } } };
    }
    const isManual = intent.capture_method === "manual" && this.confirmation === "succeeded";
    intent.status = isManual ? "requires_capture" : this.confirmation;
    if (intent.status === "succeeded") this.#receive(intent, intent.amount);
    return { status: 200, body: { ...intent } };
  }

  #capture(intent: Intent, form: URLSearchParams): Answer {
    const amount = Number(form.get("amount_to_capture") ?? intent.amount);
    if (intent.status !== "requires_capture" || intent.amount_received + amount > intent.amount)
      return unexpected(intent);
    this.#receive(intent, amount);
    Object.assign(intent.metadata, metadataOf(form));
    if (form.get("final_capture") !== "false") intent.status = "succeeded";
    return { status: 200, body: { ...intent } };
  }

  #refund(form: URLSearchParams): Answer {
    const refund: Refund = {
      id: `re_${this.refunds.length + 1}`,
      object: "refund",
      payment_intent: form.get("payment_intent") ?? "",
      amount: Number(form.get("amount")),
      currency: "usd",
      status: "succeeded",
      created: Math.floor((Date.now() + this.skewMs) / 1000),
      metadata: metadataOf(form),
    };
    this.refunds.unshift(refund);
    return { status: 200, body: { ...refund } };
  }

  #receive(intent: Intent, amount: number): void {
    intent.amount_received += amount;
    this.charged.push(amount);
  }
}

interface Answer {
  readonly status: number;
  readonly body: unknown;
}

function cancel(intent: Intent): Answer {
  if (!open.has(intent.status) && intent.status !== "requires_capture") return unexpected(intent);
  intent.status = "canceled";
  return { status: 200, body: { ...intent } };
}

function unexpected(intent: Intent): Answer {
  return failure(400, "invalid_request_error", `This PaymentIntent is ${intent.status}.`, {
    code: "payment_intent_unexpected_state",
    payment_intent: { ...intent },
  });
}

function failure(status: number, type: string, message: string, more: object = {}): Answer {
  return { status, body: { error: { type, message, ...more } } };
}

function page(
  all: readonly { readonly id: string; readonly created: number }[],
  form: URLSearchParams,
  url: string,
): Answer {
  const since = Number(form.get("created[gte]") ?? 0);
  const found = all.filter(({ created }) => created >= since);
  const after = found.findIndex(({ id }) => id === form.get("starting_after")) + 1;
  const data = found.slice(after, after + Number(form.get("limit") ?? 10));
  return { status: 200, body: { object: "list", url, data, has_more: after + data.length < found.length } };
}

function operationOf(method: string, path: string): string {
  const [, , resource = "", , action] = path.split("/");
  const isGet = method === "GET";
  if (resource === "refunds") return isGet ? "list-refunds" : "refund";
  if (path.endsWith("/payment_intents")) return isGet ? "list" : "create";
  return isGet ? "retrieve" : (action ?? "");
}

function metadataOf(form: URLSearchParams): Record<string, string> {
  const found: Record<string, string> = {};
  for (const [name, value] of form) {
    const [, key] = /^metadata\[(.+)\]$/.exec(name) ?? [];
    if (key !== undefined) found[key] = value;
  }
  return found;
}

async function readText(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString();
}
