import {
  type Amount,
  type AuthoritySource,
  type EvidenceReference,
  type SpendEvents,
  settlementQueue,
} from "@imprest/core";
import { authorityOf } from "@imprest/core/internal";
import {
  type Attributes,
  type Context,
  type Meter,
  type Span,
  SpanStatusCode,
  type Tracer,
  context,
  metrics,
  trace,
} from "@opentelemetry/api";
import { spendMetrics } from "./spend-metrics.ts";

/** The part of a logger of `@opentelemetry/api-logs` that is needed. */
export interface LogSink {
  /** Takes one event. */
  emit(record: { readonly eventName: string; readonly attributes: Attributes; readonly context: Context }): void;
}

/** Where telemetry goes, and in which form. */
export interface ObserveSpendOptions {
  /** By default: the global one of that name. */
  readonly tracer?: Tracer | undefined;
  readonly meter?: Meter | undefined;
  /** `false` makes no spans: events go to the span that is active when budget is asked for, the GenAI span of the call (ASP §6). */
  readonly spans?: boolean | undefined;
  /** Emits events as log records, in place of the span events that OpenTelemetry has deprecated. */
  readonly logger?: LogSink | undefined;
  /** Of every span, event and metric. */
  readonly attributes?: Attributes | undefined;
}

/** An open reservation, as far as telemetry goes. */
interface Open {
  readonly span: Span | undefined;
  readonly context: Context;
  readonly estimate: Amount;
}

type Decision = SpendEvents["decision"];
type Settled = SpendEvents["settlement"];

/** Reservations that are followed at a time, some 1 kB each; the oldest is let go first. */
const mostOpen = 10_000;
const name = "@imprest/otel";

/**
 * Writes what an authority's reservations do as OpenTelemetry: a span each, the events `gen_ai.spend.reserve`, `.commit`,
 * `.release` and `.audit` (ASP §6), and metrics. It listens and decides nothing: what fails here stops no call.
 * @param source a budget, a client or an authority.
 * @returns the function that stops it.
 * @example
 * const stop = observeSpend(budget);
 */
export function observeSpend(source: AuthoritySource, options: ObserveSpendOptions = {}): () => void {
  const { tracer = trace.getTracer(name), meter = metrics.getMeter(name), spans = true, logger, attributes } = options;
  const { observer } = settlementQueue(authorityOf(source));
  const counted = spendMetrics(meter, attributes);
  const open = new Map<string, Open>();

  const emit = (verb: string, { span, context: within }: Pick<Open, "span" | "context">, members: Attributes): void => {
    const event = { ...attributes, ...prefixed(members) };
    if (logger) logger.emit({ eventName: `gen_ai.spend.${verb}`, attributes: event, context: within });
    else span?.addEvent(`gen_ai.spend.${verb}`, event);
  };
  const audit = (of: Pick<Open, "span" | "context">, reservation_id: string, evidence?: EvidenceReference): void => {
    if (evidence) emit("audit", of, { reservation_id, evidence_id: evidence.id, evidence_url: evidence.url });
  };
  const begin = (
    { protocol, action, subject }: Pick<Decision, "protocol" | "action" | "subject">,
    startTime?: number,
  ): Open["span"] => {
    if (!spans) return trace.getActiveSpan();
    const isModel = action.kind.startsWith("llm.") && action.name !== undefined;
    const members = prefixed({ protocol, agent: subject?.agent, workflow: subject?.workflow, tenant: subject?.tenant });
    return tracer.startSpan([action.kind, action.name].filter((word) => word !== undefined).join(" "), {
      ...(startTime !== undefined && { startTime }),
      attributes: { ...attributes, ...members, ...(isModel && { "gen_ai.request.model": action.name }) },
    });
  };
  const end = (span: Span | undefined, error?: string, at?: number): void => {
    if (!spans) return;
    if (error !== undefined) span?.setStatus({ code: SpanStatusCode.ERROR, message: error });
    span?.end(at);
  };
  const close = (id: string): Open | undefined => {
    const entry = open.get(id);
    if (open.delete(id) && entry) counted.held(entry.estimate, -1);
    return entry;
  };

  const decided = (event: Decision): void => {
    const { reservationId: id, decision, estimate, reasonCode } = event;
    const entry: Open = { span: begin(event), context: context.active(), estimate };
    emit("reserve", entry, {
      decision: decision.toLowerCase(),
      reservation_id: id,
      unit: estimate.unit,
      amount_atomic_reserved: estimate.amount.toString(),
      reason_codes: reasonCode === undefined ? undefined : [reasonCode],
    });
    if (id === undefined) {
      counted.denied(event);
      return end(entry.span, reasonCode ?? decision);
    }
    audit(entry, id, event.evidence);
    const oldest = open.size < mostOpen ? undefined : open.keys().next().value;
    if (oldest !== undefined) end(close(oldest)?.span, "not followed to its end");
    open.set(id, entry);
    counted.held(estimate, 1);
  };

  const settled = (event: Settled): void => {
    const { settlement, call, protocol } = event;
    const { status, reservationId: id, basis, charged, refunded, evidence, error } = settlement;
    if (status === "pending") return;
    const entry = close(id);
    // A part of another reservation, or one that another process has opened.
    const span = entry?.span ?? (call && begin({ protocol, ...call }, call.startedAtMs));
    const of = { span, context: entry?.context ?? context.active() };
    counted.settled(event);
    span?.setAttributes(
      prefixed({ reservation_id: id, status, basis, parent_reservation_id: call?.parentReservationId }),
    );
    const { inputTokens, outputTokens, modelVersion } = call?.metrics ?? {};
    span?.setAttributes(
      given({
        "gen_ai.usage.input_tokens": inputTokens,
        "gen_ai.usage.output_tokens": outputTokens,
        "gen_ai.response.model": modelVersion,
      }),
    );
    if (status === "released") {
      const reason_codes = call?.released && [call.released.code];
      emit("release", of, { reservation_id: id, reason_codes });
    } else if (charged) {
      emit("commit", of, {
        reservation_id: id,
        unit: charged.unit,
        amount_atomic_observed: charged.amount.toString(),
        refund_amount_atomic: refunded?.amount.toString(),
        basis,
      });
    }
    audit(of, id, evidence);
    end(span, error?.message, call && call.startedAtMs + call.durationMs);
  };

  const stops = [
    observer.on("decision", decided),
    observer.on("settlement", settled),
    observer.on("dead-letter", (event) => {
      counted.deadLetter(event);
      end(close(event.reservationId)?.span, event.error.message);
    }),
  ];
  return () => {
    for (const stop of stops) stop();
    for (const id of open.keys()) end(close(id)?.span, "observation stopped");
  };
}

/** Attributes under ASP's prefix, without those that have no value. */
function prefixed(members: Attributes): Attributes {
  return given(Object.fromEntries(Object.entries(members).map(([member, value]) => [`gen_ai.spend.${member}`, value])));
}

function given(members: Attributes): Attributes {
  return Object.fromEntries(Object.entries(members).filter(([, value]) => value !== undefined));
}
