import { describe, expect, it } from "vitest";
import type { ProtocolError } from "@imprest/core";
import type { ManualClock } from "@imprest/testing";
import { arcpFeatures } from "@imprest/core/models/arcp";
import { type AgentContext, type ArcpRuntimeOptions } from "../../src/runtime/index.ts";
import { createRuntime, RawClient, settle } from "./support.ts";

/** The code that a call is refused with, or "ok". */
async function codeOf(call: Promise<unknown>): Promise<string> {
  try {
    await call;
    return "ok";
  } catch (error) {
    return (error as ProtocolError).errorCode ?? String(error);
  }
}

/** Runs one agent under one lease; returns the client after its end. */
async function run(
  agent: (context: AgentContext, clock: ManualClock) => unknown,
  submit: Record<string, unknown>,
  options: Partial<ArcpRuntimeOptions> = {},
): Promise<{ client: RawClient; result: unknown; end: Record<string, unknown> }> {
  const { runtime, clock } = createRuntime(options);
  runtime.agent("test", (context) => agent(context, clock));
  const client = new RawClient(runtime);
  // No heartbeat: these tests let time pass without a client that answers.
  await client.hello({ features: arcpFeatures.filter((feature) => feature !== "heartbeat") });
  const { job_id } = await client.submit({ agent: "test", ...submit });
  const end = await client.next((frame) => /^job\.(result|error)$/.test(frame.type) && frame.job_id === job_id);
  return { client, result: end.payload["result"], end: end.payload };
}

/** The errors of the `tool_result` events, in order. */
function refusals(client: RawClient): unknown[] {
  return client
    .events("tool_result")
    .map(({ payload }) => (payload.body?.["error"] as { code?: string } | undefined)?.code ?? "ok");
}

describe("the lease is asked before each operation (ARCP §9.3)", () => {
  it("tools outside the lease are a tool_result error first, and never run", async () => {
    let ran = 0;
    const tools = { "search.web": () => "ok", "rm.all": () => ran++ };
    const { client, result } = await run(
      async (context) => [await codeOf(context.callTool("search.web")), await codeOf(context.callTool("rm.all"))],
      { lease_request: { "tool.call": ["search.*"] } },
      { tools },
    );
    expect(result).toEqual(["ok", "PERMISSION_DENIED"]);
    expect(refusals(client)).toEqual(["ok", "PERMISSION_DENIED"]);
    expect(ran).toBe(0);
  });

  it("paths are canonical before they are matched, and where links lead must be covered too", async () => {
    const seen: string[] = [];
    const files = {
      read: async (path: string) => {
        seen.push(path);
        return new TextEncoder().encode("hi");
      },
      write: async (path: string) => void seen.push(path),
      realPath: async (path: string) => (path.includes("link") ? "/etc/passwd" : path),
    };
    const { client, result } = await run(
      async (context) => [
        await codeOf(context.readFile("/work//a/./b.txt")),
        await codeOf(context.readFile("/work/../etc/passwd")),
        await codeOf(context.readFile("/work/link")),
        await codeOf(context.writeFile("/work/a", new Uint8Array(3))),
        await codeOf(context.writeFile("/work/out/a", new Uint8Array(3))),
      ],
      { lease_request: { "fs.read": ["/work/**"], "fs.write": ["/work/out/*"] } },
      { files },
    );
    expect(result).toEqual(["ok", "PERMISSION_DENIED", "PERMISSION_DENIED", "PERMISSION_DENIED", "ok"]);
    expect(seen).toEqual(["/work/a/b.txt", "/work/out/a"]);
    expect(client.events("tool_result")[0]?.payload.body?.["result"]).toEqual({ byte_size: 2 });
  });

  it("URLs are canonical before they are matched; redirects are not followed; queries are not logged", async () => {
    const sent: { url: string; init: RequestInit }[] = [];
    const { client, result } = await run(
      async (context) => [
        await codeOf(context.fetch("HTTPS://API.example.com:443/v1/x?key=secret")),
        await codeOf(context.fetch("https://api.example.com/v1/../admin")),
        await codeOf(context.fetch("https://api.example.com/v1/%2e%2e/admin")),
        await codeOf(context.fetch("https://api.example.com/v1/..%2fadmin")),
        await codeOf(context.fetch("https://api.example.com@evil.example/v1/x")),
        await codeOf(context.fetch("https://api.example.com\\@evil.example/v1/x")),
        await codeOf(context.fetch("file:///etc/passwd")),
      ],
      { lease_request: { "net.fetch": ["https://api.example.com/v1/**"] } },
      {
        fetch: async (url, init) => {
          sent.push({ url, init });
          return new Response(null, { status: 302, headers: { location: "https://evil.example" } });
        },
      },
    );
    expect(result).toEqual(["ok", ...Array.from({ length: 6 }, () => "PERMISSION_DENIED")]);
    expect(sent).toHaveLength(1);
    expect(sent[0]).toMatchObject({ url: "https://api.example.com/v1/x?key=secret", init: { redirect: "manual" } });
    expect(new Headers(sent[0]?.init.headers).get("traceparent")).toMatch(/^00-[0-9a-f]{32}-[0-9a-f]{16}-01$/);
    expect(JSON.stringify(client.frames)).not.toContain("secret");
  });

  it("ARCP §9.7: models by pattern; without model.use none, unless the runtime does not require it", async () => {
    const models = ({ model }: { model: string }): string => `by ${model}`;
    const ask = async (context: AgentContext): Promise<string[]> => [
      await codeOf(context.useModel("tier-fast/small", "the prompt")),
      await codeOf(context.useModel("tier-slow/large", "the prompt")),
    ];
    const leased = await run(ask, { lease_request: { "model.use": ["tier-fast/*"] } }, { models });
    expect(leased.result).toEqual(["ok", "PERMISSION_DENIED"]);
    expect(JSON.stringify(leased.client.frames)).not.toContain("the prompt");
    expect((await run(ask, {}, { models })).result).toEqual(["PERMISSION_DENIED", "PERMISSION_DENIED"]);
    const lenient = { models, requireModelUse: false };
    expect((await run(ask, {}, lenient)).result).toEqual(["ok", "ok"]);
    expect((await run(ask, { lease_request: { "model.use": ["tier-fast/*"] } }, lenient)).result).toEqual([
      "ok",
      "PERMISSION_DENIED",
    ]);
  });

  it("ARCP §9.6, §13.7: an upstream's own refusals become BUDGET_EXHAUSTED and PERMISSION_DENIED", async () => {
    const upstream: Record<string, object> = {
      poor: { status: 402 },
      quota: { status: 429, error: { code: "insufficient_quota" } },
      forbidden: { status: 403 },
      broken: { status: 500 },
    };
    const { client, result } = await run(
      async (context) => {
        const codes = [];
        for (const model of Object.keys(upstream)) codes.push(await codeOf(context.useModel(model, "")));
        return codes;
      },
      { lease_request: { "model.use": ["*"], "cost.budget": ["USD:1"] } },
      { models: ({ model }) => Promise.reject(Object.assign(new Error(`no: ${model}`), upstream[model])) },
    );
    expect(result).toEqual(["BUDGET_EXHAUSTED", "BUDGET_EXHAUSTED", "PERMISSION_DENIED", "Error: no: broken"]);
    const remaining = client.events("metric").map(({ payload }) => payload.body);
    expect(remaining).toEqual([
      { name: "cost.budget.remaining", value: 1, unit: "USD" },
      { name: "cost.budget.remaining", value: 1, unit: "USD" },
    ]);
  });
});

describe("budget (ARCP §9.6)", () => {
  const tools = {
    search: async (args: unknown, operation: { cost(metric: object): Promise<void> }): Promise<string> => {
      await operation.cost({ name: "cost.search", value: (args as { cost: string }).cost, unit: "USD" });
      return "ok";
    },
  };
  const lease_request = { "tool.call": ["*"], "cost.budget": ["USD:1.00", "credits:1000"] };

  it("exhaustion is a tool_result error that the agent may survive; counters are exact decimals", async () => {
    const { client, end } = await run(
      async (context) => {
        await context.callTool("search", { cost: "0.42" });
        await context.callTool("search", { cost: "0.70" });
        const code = await codeOf(context.callTool("search", { cost: "0.01" }));
        return { code, remaining: context.remaining("USD") };
      },
      { lease_request },
      { tools },
    );
    expect(end["result"]).toEqual({ code: "BUDGET_EXHAUSTED", remaining: "-0.12" });
    expect(refusals(client)).toEqual(["ok", "ok", "BUDGET_EXHAUSTED"]);
    expect(client.of("job.accepted")[0]?.payload["budget"]).toEqual({ USD: 1, credits: 1000 });
    const metrics = client.events("metric").map(({ payload }) => [payload.body?.["name"], payload.body?.["value"]]);
    expect(metrics).toEqual([
      ["cost.search", 0.42],
      ["cost.budget.remaining", 0.58],
      ["cost.search", 0.7],
      ["cost.budget.remaining", -0.12],
    ]);
  });

  it("an agent that does not survive it ends with BUDGET_EXHAUSTED, not retryable", async () => {
    const { end } = await run(
      async (context) => {
        await context.metric({ name: "cost.llm", value: 1, unit: "USD" });
        await context.callTool("search", { cost: "0.01" });
      },
      { lease_request },
      { tools },
    );
    expect(end).toMatchObject({ final_status: "error", code: "BUDGET_EXHAUSTED", retryable: false });
  });

  it("a negative cost decrements nothing and is not sent; other currencies and other metrics count nothing", async () => {
    const { client, result } = await run(
      async (context) => {
        const refused = [
          await codeOf(context.metric({ name: "cost.llm", value: -1, unit: "USD" })),
          await codeOf(context.metric({ name: "cost.llm", value: Number.NaN, unit: "USD" })),
          await codeOf(context.metric({ name: "rows", value: -5, unit: "USD" })),
          await codeOf(context.metric({ name: "cost.llm", value: 3, unit: "EUR" })),
          await codeOf(context.metric({ name: "cost.budget.remaining", value: 0, unit: "USD" })),
        ];
        return [refused, context.remaining("USD"), context.remaining("EUR")];
      },
      { lease_request },
    );
    expect(result).toEqual([["INVALID_REQUEST", "INVALID_REQUEST", "ok", "ok", "ok"], "1", null]);
    expect(client.events("metric")).toHaveLength(3);
  });

  it("a refused metric that nobody awaits does not bring the process down", async () => {
    const { result } = await run(
      async (context) => {
        void context.metric({ name: "cost.llm", value: -1, unit: "USD" });
        await settle();
        return "alive";
      },
      { lease_request },
    );
    expect(result).toBe("alive");
  });
});

describe("expiry (ARCP §9.5)", () => {
  const inOneMinute = {
    lease_constraints: { expires_at: "2026-05-13T12:01:00Z" },
    lease_request: { "tool.call": ["*"] },
  };
  const tools = { search: () => "ok" };

  it("an operation at the expiry is a LEASE_EXPIRED tool_result, then the job ends with it", async () => {
    const { client, end } = await run(
      async (context, clock) => {
        await context.callTool("search");
        // The wall clock is set back: the lease runs on a clock that nobody sets.
        clock.jump(-3_600_000);
        void clock.advance(60_000);
        await new Promise((resolve) => context.signal.addEventListener("abort", resolve));
        return codeOf(context.callTool("search"));
      },
      inOneMinute,
      { tools },
    );
    expect(refusals(client)).toEqual(["ok", "LEASE_EXPIRED"]);
    expect(end).toMatchObject({ final_status: "error", code: "LEASE_EXPIRED", retryable: false });
  });

  it("ARCP §14: the grace is bounded, and what runs within it is logged", async () => {
    const logged: string[] = [];
    const note = (message: string): void => void logged.push(message);
    const logger = { debug: note, info: note, warn: note, error: note };
    const { end, client } = await run(
      async (context, clock) => {
        await clock.advance(60_500);
        const first = await codeOf(context.callTool("search"));
        await clock.advance(500);
        return [first, await codeOf(context.callTool("search"))];
      },
      inOneMinute,
      { tools, logger, expiryGraceMs: 1_000 },
    );
    expect(refusals(client)).toEqual(["ok", "LEASE_EXPIRED"]);
    expect(end["code"]).toBe("LEASE_EXPIRED");
    expect(logged).toContain("an operation ran within the grace after its lease's expiry");
    expect(logged).toContain("a job's lease expired");
    expect(() => createRuntime({ expiryGraceMs: 5_001 })).toThrow(/5,000 ms/);
  });
});

describe("streamed results (ARCP §8.4)", () => {
  it("text and bytes, in order, closed for an agent that forgot to", async () => {
    const { client, end } = await run(async (context) => {
      await context.result.write("héllo");
      await context.result.write(Uint8Array.of(0, 255, 7));
    }, {});
    const chunks = client.events("result_chunk").map(({ payload }) => payload.body);
    const id = chunks[0]?.["result_id"];
    expect(chunks).toEqual([
      { result_id: id, chunk_seq: 0, data: "héllo", encoding: "utf8", more: true },
      { result_id: id, chunk_seq: 1, data: "AP8H", encoding: "base64", more: true },
      { result_id: id, chunk_seq: 2, data: "", encoding: "base64", more: false },
    ]);
    expect(end).toEqual({
      final_status: "success",
      result_id: id,
      result_size: 9,
      completed_at: expect.any(String) as string,
    });
  });

  it("cuts long text between code points", async () => {
    const text = "a" + "😀".repeat(100_000);
    const { client, end } = await run(async (context) => {
      await context.result.write(text);
      await context.result.end({ summary: "smiles" });
    }, {});
    const chunks = client.events("result_chunk").map(({ payload }) => String(payload.body?.["data"]));
    expect(chunks.length).toBeGreaterThan(2);
    expect(chunks.join("")).toBe(text);
    expect(chunks.every((chunk) => chunk.isWellFormed())).toBe(true);
    expect(end).toMatchObject({ result_size: 400_001, summary: "smiles" });
  });

  it("ARCP §14: an oversized chunk, stream or inline result is INTERNAL_ERROR", async () => {
    const limits = { maxChunkBytes: 100, maxResultBytes: 150, maxInlineResultCharacters: 100 };
    const agents: ((context: AgentContext) => unknown)[] = [
      (context) => context.result.chunk("x".repeat(101), true),
      async (context) => {
        await context.result.write("x".repeat(100));
        await context.result.write("x".repeat(51)).catch(() => {});
      },
      () => "x".repeat(101),
    ];
    for (const agent of agents) {
      const { end } = await run(agent, {}, limits);
      expect(end).toMatchObject({ final_status: "error", code: "INTERNAL_ERROR" });
    }
  });

  it("never mixes an inline result with chunks, and adds nothing after the last", async () => {
    const mixed = await run(async (context) => {
      await context.result.write("a");
      return "b";
    }, {});
    expect(mixed.end).toMatchObject({ final_status: "error", code: "INTERNAL_ERROR" });
    const late = await run(async (context) => {
      await context.result.write("a");
      await context.result.end();
      await context.log("info", await codeOf(context.result.write("b")));
    }, {});
    expect(late.client.events("log")[0]?.payload.body?.["message"]).toBe("INVALID_REQUEST");
    expect(late.end).toMatchObject({ final_status: "success", result_size: 1 });
  });
});
