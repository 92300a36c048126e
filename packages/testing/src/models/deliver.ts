import type { Clock } from "@imprest/core";
import { createDeferred, onAbort, sleep, utf8 } from "@imprest/core/internal";
import type { OpenCall } from "./calls.ts";
import type { Directive, Fault } from "./directive.ts";
import type { Counts, Tariff } from "./prices.ts";
import type { Failure, StreamEvent, Wire } from "./wires/wire.ts";

/** A connection that broke, as `fetch` of Node reports it. */
export function connectionError(code: "ECONNREFUSED" | "ECONNRESET"): TypeError {
  const text = code === "ECONNREFUSED" ? "connect ECONNREFUSED" : "read ECONNRESET";
  return new TypeError("fetch failed", { cause: Object.assign(new Error(text), { code }) });
}

/** What a delivery needs to know. */
export interface Delivery {
  readonly call: OpenCall;
  readonly directive: Directive;
  readonly clock: Clock;
  /** The client's. */
  readonly signal: AbortSignal;
}

const outage: Failure = { status: 503, code: "overloaded", message: "The model is overloaded." };

/** Where a fault inside an answer strikes when it does not say: after so many events. */
const usualEvents = 3;

/** The headers of every answer, which SDKs show in their errors. */
function headersOf(type: string): Record<string, string> {
  return { "content-type": type, "x-request-id": "req_imprest", "request-id": "req_imprest" };
}

/** An answer that is JSON, whole or broken as the directive says. */
export function jsonResponse(body: unknown, { call, directive: { fault }, signal }: Delivery): Response {
  call.answerWith(200);
  const whole = JSON.stringify(body);
  const text = fault?.kind === "malformed" ? whole.slice(0, whole.length >> 1) : whole;
  const headers = headersOf("application/json");
  if (!isWithin(fault)) {
    call.end("answered");
    return new Response(text, { status: 200, headers });
  }
  const half = text.slice(0, text.length >> 1);
  const stream = pulled(signal, (at) => (at === 0 ? { text: half, isLast: false } : breakOff(fault, signal)), call);
  return new Response(stream, { status: 200, headers: { ...headers, "content-length": String(utf8(text).length) } });
}

/** A stream of events, each charged as it is generated. */
export function streamResponse(
  events: Generator<StreamEvent>,
  wire: Wire,
  asArray: boolean,
  tariff: Tariff,
  delivery: Delivery,
): Response {
  const { call, directive, clock, signal } = delivery;
  const { fault, eventDelayMs = 0 } = directive;
  call.answerWith(200);
  const frame = asArray ? inArray : (text: string) => text;
  const strikes = fault !== undefined && "events" in fault && fault.events !== undefined ? fault.events : usualEvents;
  let upcoming = events.next();
  const part = async (at: number): Promise<Part> => {
    if (eventDelayMs > 0) await sleep(clock, eventDelayMs, signal);
    if (at === strikes && isWithin(fault)) return breakOff(fault, signal);
    if (at === strikes && fault?.kind === "error-event") {
      return { text: frame(wire.failureEvent(outage), at, true), isLast: true };
    }
    if (at === 1 && fault?.kind === "malformed") return { text: frame('data: {"broken\n\n', at, false), isLast: false };
    const { value } = upcoming;
    if (value === undefined) return { text: frame("", at, true), isLast: true };
    upcoming = events.next();
    const isLast = upcoming.done === true;
    call.charge(tariff, chargeOf(value));
    return { text: frame(value.text, at, isLast), isLast };
  };
  const headers = headersOf(asArray ? "application/json" : "text/event-stream; charset=utf-8");
  return new Response(pulled(signal, part, call), { status: 200, headers });
}

/** An answer that is an error. */
export function failureResponse(
  wire: Wire,
  fault: Extract<Fault, { kind: "status" }>,
  { call }: Delivery,
  message = `The provider answers ${fault.status}.`,
): Response {
  const { status, form = "provider", headers } = fault;
  call.answerWith(status);
  call.end("refused");
  if (form === "bare") {
    const text = `<html><body><h1>${status}</h1></body></html>`;
    return new Response(text, { status, headers: { "content-type": "text/html", ...headers } });
  }
  const failure = { status, code: codes[status] ?? "server_error", message };
  const body = JSON.stringify(wire.failure(failure));
  return new Response(body, { status, headers: { ...headersOf("application/json"), ...headers } });
}

/** The provider's error object as an answer with status 200, as some gateways give it. */
export function errorBody(wire: Wire, { call }: Delivery): Response {
  call.answerWith(200);
  call.end("refused");
  return new Response(JSON.stringify(wire.failure(outage)), { status: 200, headers: headersOf("application/json") });
}

/** The client's, and the provider's own, ways of saying what went wrong. */
const codes: Readonly<Record<number, string>> = {
  401: "invalid_api_key",
  404: "model_not_found",
  429: "rate_limit_exceeded",
};

type Within = Extract<Fault, { readonly when: "mid-answer" }>;

function isWithin(fault: Fault | undefined): fault is Within {
  return fault !== undefined && "when" in fault && fault.when === "mid-answer";
}

/** Never comes back with more: the connection breaks, or stays silent until the client leaves. */
export async function breakOff({ kind }: Fault, signal: AbortSignal): Promise<never> {
  if (kind === "lost") throw connectionError("ECONNRESET");
  const left = createDeferred<never>();
  const remove = onAbort(signal, () => left.reject(signal.reason));
  try {
    return await left.promise;
  } finally {
    remove();
  }
}

function chargeOf({ output = 0, reasoning = 0, imageOutput = 0 }: StreamEvent): Partial<Counts> {
  return { output, reasoning, imageOutput };
}

interface Part {
  readonly text: string;
  readonly isLast: boolean;
}

/** Makes one part each time that the client asks for more, so that nothing is generated which nobody reads. */
function pulled(
  signal: AbortSignal,
  part: (at: number) => Part | Promise<Part>,
  call: OpenCall,
): ReadableStream<Uint8Array> {
  let at = 0;
  let remove = (): void => {};
  const finish = (state: "answered" | "lost" | "left"): void => {
    remove();
    call.end(state);
  };
  return new ReadableStream<Uint8Array>(
    {
      start(controller) {
        remove = onAbort(signal, () => {
          finish("left");
          controller.error(signal.reason);
        });
      },
      async pull(controller) {
        try {
          const { text, isLast } = await part(at++);
          if (signal.aborted) return;
          controller.enqueue(utf8(text));
          if (!isLast) return;
          finish("answered");
          controller.close();
        } catch (error) {
          if (signal.aborted) return;
          finish("lost");
          controller.error(error);
        }
      },
      cancel: () => finish("left"),
    },
    { highWaterMark: 0 },
  );
}

/** An event as a member of a JSON array. */
function inArray(text: string, at: number, isLast: boolean): string {
  return (at === 0 ? "[" : ",\r\n") + text.replace(/^data: /, "").trimEnd() + (isLast ? "]" : "");
}
