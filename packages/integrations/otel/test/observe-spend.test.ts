import { AspAuthority, AspClient } from "@imprest/asp";
import { openReservation, tokens, usd, withReservation } from "@imprest/core";
import { createEmbeddedAuthority } from "@imprest/embedded";
import { type ObserveSpendOptions, observeSpend } from "@imprest/otel";
import { createModelProvider } from "@imprest/testing/models";
import { ROOT_CONTEXT, SpanStatusCode, context, trace } from "@opentelemetry/api";
import { AsyncLocalStorageContextManager } from "@opentelemetry/context-async-hooks";
import { InMemoryLogRecordExporter, LoggerProvider, SimpleLogRecordProcessor } from "@opentelemetry/sdk-logs";
import {
  AggregationTemporality,
  InMemoryMetricExporter,
  MeterProvider,
  PeriodicExportingMetricReader,
} from "@opentelemetry/sdk-metrics";
import { TracerProvider, InMemorySpanExporter, SimpleSpanProcessor } from "@opentelemetry/sdk-trace";
import { createBudget, denialOf } from "imprest";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";

// The SDK of OpenTelemetry receives what an authority's reservations do.

beforeAll(() => {
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
});
afterAll(() => context.disable());

function sdk() {
  const spans = new InMemorySpanExporter();
  const tracer = new TracerProvider({ spanProcessors: [new SimpleSpanProcessor({ exporter: spans })] }).getTracer(
    "test",
  );
  const exporter = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE);
  const reader = new PeriodicExportingMetricReader({ exporter, exportIntervalMillis: 3_600_000 });
  const meters = new MeterProvider({ readers: [reader] });
  const logs = new InMemoryLogRecordExporter();
  const logger = new LoggerProvider({ processors: [new SimpleLogRecordProcessor({ exporter: logs })] }).getLogger(
    "test",
  );
  onTestFinished(() => meters.shutdown());
  return {
    tracer,
    meter: meters.getMeter("test"),
    logger,
    spans: () => spans.getFinishedSpans(),
    events: () => spans.getFinishedSpans().flatMap(({ events }) => events),
    logs: () => logs.getFinishedLogRecords(),
    /** Sums by instrument. */
    metrics: async (): Promise<Readonly<Record<string, number>>> => {
      await meters.forceFlush();
      const sums: Record<string, number> = {};
      const last =
        exporter
          .getMetrics()
          .at(-1)
          ?.scopeMetrics.flatMap((scope) => scope.metrics) ?? [];
      for (const { descriptor, dataPoints } of last) {
        sums[descriptor.name] = dataPoints.reduce((sum, { value }) => sum + Number(value), 0);
      }
      return sums;
    },
  };
}

async function open(options: ObserveSpendOptions = {}, dollars = "1.00") {
  const otel = sdk();
  const embedded = createEmbeddedAuthority();
  const scope = { tenant: "acme" };
  await embedded.budgets.create({ scope, allocated: usd(dollars) });
  const authority = embedded.authority({ tenant: "acme" });
  const { tracer, meter } = otel;
  const stop = observeSpend(authority, { tracer, meter, ...options });
  return { ...otel, authority, stop, books: () => embedded.budgets.get({ scope, unit: "USD_MICROCENTS" }) };
}

const request = {
  estimate: usd("0.10"),
  action: { kind: "llm.completion", name: "gpt-5" },
  subject: { agent: "writer" },
};

describe("a span", () => {
  it("lasts as long as the call, and says who spent what on which model", async () => {
    const { authority, spans } = await open();
    await withReservation(authority, request, (reservation) => {
      reservation.spend(usd("0.03"), { inputTokens: 10, outputTokens: 5, modelVersion: "gpt-5-2026" });
    });
    const [span] = spans();
    expect(span?.name).toBe("llm.completion gpt-5");
    expect(span?.status.code).toBe(SpanStatusCode.UNSET);
    expect(span?.attributes).toMatchObject({
      "gen_ai.request.model": "gpt-5",
      "gen_ai.response.model": "gpt-5-2026",
      "gen_ai.usage.input_tokens": 10,
      "gen_ai.usage.output_tokens": 5,
      "gen_ai.spend.agent": "writer",
      "gen_ai.spend.status": "committed",
      "gen_ai.spend.basis": "actual",
    });
    expect(span?.events.map(({ name }) => name)).toEqual(["gen_ai.spend.reserve", "gen_ai.spend.commit"]);
    expect(span?.events[1]?.attributes).toMatchObject({
      "gen_ai.spend.unit": "USD_MICROCENTS",
      "gen_ai.spend.amount_atomic_observed": "3000000",
    });
  });

  it("is a child of the span in which the call was made", async () => {
    const { authority, tracer, spans } = await open();
    await tracer.startActiveSpan("agent", async (agent) => {
      await withReservation(authority, request, () => 1, { spend: () => usd("0.01") });
      agent.end();
    });
    const [own, agent] = spans();
    expect(own?.parentSpanContext?.spanId).toBe(agent?.spanContext().spanId);
  });

  it("of a denial ends with an error, and has the event of the reserve", async () => {
    const { authority, spans } = await open({}, "0.01");
    await expect(withReservation(authority, request, () => 1)).rejects.toThrow("too little");
    const [span] = spans();
    expect(span?.status).toEqual({ code: SpanStatusCode.ERROR, message: "BUDGET_EXCEEDED" });
    expect(span?.events.map(({ attributes }) => attributes)).toEqual([
      {
        "gen_ai.spend.decision": "deny",
        "gen_ai.spend.unit": "USD_MICROCENTS",
        "gen_ai.spend.amount_atomic_reserved": "10000000",
        "gen_ai.spend.reason_codes": ["BUDGET_EXCEEDED"],
      },
    ]);
  });

  it("of a part of another reservation names that one", async () => {
    const { authority, spans } = await open();
    await withReservation(
      authority,
      request,
      async (parent) => {
        const options = { parent, nest: "within", spend: () => usd("0.01") } as const;
        await withReservation(authority, { ...request, estimate: usd("0.02") }, () => 1, options);
        return parent.id;
      },
      { settle: "estimate" },
    );
    const [part, whole] = spans();
    expect(part?.attributes["gen_ai.spend.parent_reservation_id"]).toBe(
      whole?.attributes["gen_ai.spend.reservation_id"],
    );
  });

  it("ends when the observation stops", async () => {
    const { authority, stop, spans } = await open();
    const reservation = await openReservation(authority, request);
    stop();
    await reservation.release();
    expect(spans().map(({ status }) => status.message)).toEqual(["observation stopped"]);
  });
});

describe("events", () => {
  it("go to the GenAI span of the call where no spans are made", async () => {
    const { authority, tracer, spans } = await open({ spans: false });
    await tracer.startActiveSpan("chat gpt-5", async (genAi) => {
      await withReservation(authority, request, () => 1, { spend: () => usd("0.01") });
      genAi.end();
    });
    expect(spans().map(({ name, events }) => [name, events.map((event) => event.name)])).toEqual([
      ["chat gpt-5", ["gen_ai.spend.reserve", "gen_ai.spend.commit"]],
    ]);
  });

  it("are log records of the call's trace where a logger is given", async () => {
    const { logger, logs } = sdk();
    const { authority, tracer, events, spans } = await open({ logger, attributes: { service: "agents" } });
    await tracer.startActiveSpan("agent", async (agent) => {
      await (await openReservation(authority, request)).release();
      agent.end();
    });
    expect(events()).toEqual([]);
    expect(
      logs().map(({ eventName, attributes, spanContext }) => [eventName, attributes["service"], spanContext?.traceId]),
    ).toEqual([
      ["gen_ai.spend.reserve", "agents", spans()[0]?.spanContext().traceId],
      ["gen_ai.spend.release", "agents", spans()[0]?.spanContext().traceId],
    ]);
  });

  it("of a release says why nothing was spent", async () => {
    const { authority, events } = await open();
    const unspent = () => true;
    await expect(withReservation(authority, request, failing, { unspent })).rejects.toThrow("broken");
    await expect.poll(() => events().map(({ name }) => name)).toContain("gen_ai.spend.release");
    const released = events().find(({ name }) => name === "gen_ai.spend.release");
    expect(released?.attributes?.["gen_ai.spend.reason_codes"]).toEqual(["failed"]);
    function failing(): never {
      throw new Error("broken");
    }
  });

  it("the four events of ASP, with the signature of the audit event", async () => {
    const otel = sdk();
    const auditEventSignature = Buffer.alloc(64, 7).toString("base64");
    const allow = { decision: "ALLOW", reservationId: "r1", ttlExpiresAt: new Date(Date.now() + 60_000).toISOString() };
    const answers: Readonly<Record<string, object>> = {
      Reserve: { ...allow, auditEventSignature },
      Commit: { refundAmountAtomic: "993", auditEventSignature },
      Release: {},
    };
    const transport = ({ url }: { readonly url: string }) => {
      const method = Object.keys(answers).find((name) => url.endsWith(name)) ?? "";
      return Promise.resolve({ status: 200, headers: {}, body: JSON.stringify(answers[method]) });
    };
    const client = new AspClient({ baseUrl: "https://a.example", apiKey: "test-key-1", transport });
    const authority = new AspAuthority(client, { budget: { budgetId: "b" } });
    const { tracer, meter, logger } = otel;
    observeSpend(authority, { tracer, meter, logger });
    const asked = { estimate: tokens(1_000), action: { kind: "llm.completion", name: "gpt-5" } };
    await withReservation(authority, asked, () => 1, { spend: () => tokens(7) });
    await (await openReservation(authority, asked)).release();
    const [committed, released] = [otel.logs().slice(0, 4), otel.logs().slice(4)];
    expect(committed.map(({ eventName }) => eventName)).toEqual([
      "gen_ai.spend.reserve",
      "gen_ai.spend.audit",
      "gen_ai.spend.commit",
      "gen_ai.spend.audit",
    ]);
    expect(released.map(({ eventName }) => eventName)).toContain("gen_ai.spend.release");
    expect(committed[2]?.attributes).toMatchObject({
      "gen_ai.spend.amount_atomic_observed": "7",
      "gen_ai.spend.refund_amount_atomic": "993",
    });
    expect(committed[3]?.attributes["gen_ai.spend.evidence_id"]).toBe(Buffer.alloc(64, 7).toString("base64url"));
  });
});

describe("metrics", () => {
  it("spend is what the ledger has, holds go back to nothing, and denials are counted", async () => {
    const { authority, metrics, books } = await open();
    for (const cents of [1, 2, 3]) {
      await withReservation(authority, request, () => 1, { spend: () => usd(`0.0${cents}`) });
    }
    const held = await openReservation(authority, request);
    expect((await metrics())["gen_ai.spend.holds"]).toBe(Number(usd("0.10").amount));
    await held.release();
    await expect(withReservation(authority, { ...request, estimate: usd(9) }, () => 1)).rejects.toThrow();
    expect(await metrics()).toMatchObject({
      "gen_ai.spend.amount": Number((await books()).spent),
      "gen_ai.spend.holds": 0,
      "gen_ai.spend.denials": 1,
    });
  });

  it("a spend that nobody knows is a dead letter, and its span an error", async () => {
    const { authority, metrics, spans } = await open();
    await expect(withReservation(authority, request, () => "no word of a cost")).rejects.toThrow();
    expect(await metrics()).toMatchObject({ "gen_ai.spend.dead_letters": 1, "gen_ai.spend.holds": 0 });
    expect(spans().map(({ status }) => status.code)).toEqual([SpanStatusCode.ERROR]);
  });

  it("what a budget's model calls cost is the provider's bill", async () => {
    const prices = { "gpt-5": { input: "1.25", output: "10.00" } };
    const provider = createModelProvider({ prices });
    const budget = createBudget({ limit: "$1.00", prices, fetch: provider.fetch });
    onTestFinished(() => budget.close());
    const otel = sdk();
    observeSpend(budget, { tracer: otel.tracer, meter: otel.meter });
    const body = JSON.stringify({ model: "gpt-5", messages: [], max_completion_tokens: 100 });
    await (await budget.fetch("https://api.openai.com/v1/chat/completions", { method: "POST", body })).text();
    await budget.flush();
    expect((await otel.metrics())["gen_ai.spend.amount"]).toBe(Number(provider.bill.amount));
  });
});

describe("never a gate", () => {
  it.each([
    ["a tracer that throws", { tracer: { startSpan: broken, startActiveSpan: broken } }],
    ["a logger that throws", { logger: { emit: broken } }],
  ] as [string, ObserveSpendOptions][])("%s breaks no call", async (_what, options) => {
    const { authority, books } = await open(options);
    await withReservation(authority, request, () => 1, { spend: () => usd("0.01") });
    const denied = await withReservation(authority, { ...request, estimate: usd(9) }, () => 1).catch(
      (error: unknown) => error,
    );
    expect(denialOf(denied)).toBeDefined();
    expect(await books()).toMatchObject({ spent: usd("0.01").amount, reserved: 0n });
  });

  it("without an SDK nothing is written, and nothing fails", async () => {
    const { authority, books } = await open({ tracer: undefined, meter: undefined });
    await context.with(ROOT_CONTEXT, () => withReservation(authority, request, () => 1, { spend: () => usd("0.01") }));
    expect((await books()).spent).toBe(usd("0.01").amount);
    expect(trace.getActiveSpan()).toBeUndefined();
  });
});

function broken(): never {
  throw new Error("broken");
}
