import { describe, expect, it } from "vitest";
import {
  type Attempt,
  ConnectionError,
  DeniedError,
  type Grant,
  guard,
  type ReserveRequest,
  type SettlementInstruction,
  type SpendAuthority,
  usd,
  withReservation,
} from "@imprest/core";
import type { AgentContext, ArcpRuntimeOptions } from "../../src/runtime/index.ts";
import { createRuntime, RawClient, settle } from "./support.ts";

const lease_request = { "model.use": ["tier-fast/*"], "tool.call": ["search.*"], "cost.budget": ["USD:1.00"] };
const call = (estimate: string, name = "tier-fast/small"): ReserveRequest => ({
  estimate: usd(estimate),
  action: { kind: "llm.completion", name },
});

async function run(
  agent: (context: AgentContext) => unknown,
  options: Partial<ArcpRuntimeOptions> = {},
  submit: Record<string, unknown> = {},
): Promise<{ client: RawClient; result: unknown; end: Record<string, unknown> }> {
  const { runtime } = createRuntime(options);
  runtime.agent("test", agent);
  const client = new RawClient(runtime);
  await client.hello();
  await client.submit({ agent: "test", lease_request, ...submit });
  const { payload } = await client.next(({ type }) => type === "job.result" || type === "job.error");
  return { client, result: payload["result"], end: payload };
}

async function reasonOf(work: Promise<unknown>): Promise<string> {
  try {
    await work;
    return "ok";
  } catch (error) {
    return DeniedError.isInstance(error) ? String(error.reasonCode) : String(error);
  }
}

describe("LeaseAuthority: the kernel over a job's lease", () => {
  it("guard holds the estimate, reports what was spent as a cost metric, and gives the rest back", async () => {
    const { client, result } = await run(async (context) => {
      const authority = context.authority();
      const ask = guard(
        authority,
        call("0.40"),
        async (_reservation, text: string) => {
          const during = await reasonOf(authority.reserve(call("0.70"), { idempotencyKey: "too much" }));
          return { text: text.toUpperCase(), during };
        },
        { spend: () => usd("0.01234567") },
      );
      const first = await ask("hello");
      return { first, remaining: context.remaining("USD") };
    });
    expect(result).toEqual({ first: { text: "HELLO", during: "BUDGET_EXHAUSTED" }, remaining: "0.98765433" });
    const metric = client.events("metric")[0]?.payload.body;
    expect(metric).toEqual({ name: "cost.inference", value: 0.01234567, unit: "USD" });
  });

  it("denies by pattern, by budget and by currency; a tool asks tool.call", async () => {
    const { result } = await run(async (context) => {
      const authority = context.authority();
      const ask = (request: ReserveRequest): Promise<string> =>
        reasonOf(withReservation(authority, request, async (reservation) => reservation.spend(usd("0.1"))));
      return [
        await ask(call("0.1")),
        await ask(call("0.1", "tier-slow/large")),
        await ask({ estimate: usd("0.1"), action: { kind: "llm.completion" } }),
        await ask({ estimate: usd("0.1"), action: { kind: "tool.call", name: "search.web" } }),
        await ask({ estimate: usd("0.1"), action: { kind: "tool.call", name: "rm.all" } }),
        await ask(call("0.81")),
        await ask({ estimate: { unit: "EUR", amount: 1n }, action: { kind: "llm", name: "tier-fast/small" } }),
      ];
    });
    expect(result).toEqual([
      "ok",
      "PERMISSION_DENIED",
      "PERMISSION_DENIED",
      "ok",
      "PERMISSION_DENIED",
      "BUDGET_EXHAUSTED",
      "BUDGET_EXHAUSTED",
    ]);
  });

  it("a denial that the agent does not catch ends the job with the lease's own code, and so does another authority's", async () => {
    const denied = await run(async (context) => guard(context.authority(), call("1.01"), () => "never", {})());
    expect(denied.end).toMatchObject({ final_status: "error", code: "BUDGET_EXHAUSTED", retryable: false });
    const elsewhere = await run(() => Promise.reject(new DeniedError("no", { reasonCode: "BUDGET_EXCEEDED" })));
    expect(elsewhere.end).toMatchObject({ code: "BUDGET_EXHAUSTED", retryable: false });
  });

  it("a throw that says that nothing was spent releases; spend beyond the estimate is counted, and exhausts", async () => {
    const { client, result } = await run(async (context) => {
      const authority = context.authority();
      await withReservation(authority, call("0.9"), () => Promise.reject(new Error("no")), {
        unspent: () => true,
      }).catch(() => {});
      await settle();
      const free = await reasonOf(authority.decide(call("1.00")).then(({ decision }) => decision));
      await withReservation(authority, call("0.9"), async (reservation) => reservation.spend(usd("1.2")));
      return [free, context.remaining("USD"), (await authority.decide(call("0"))).reasonCode];
    });
    expect(result).toEqual(["ok", "-0.2", "BUDGET_EXHAUSTED"]);
    expect(client.events("metric").map(({ payload }) => payload.body?.["value"])).toEqual([1.2, -0.2]);
  });

  it("settles once: the same key again is the same outcome, another key is refused, a dead job refuses", async () => {
    let late: Promise<Attempt> | undefined;
    let after = async (): Promise<Attempt> => ({ rejected: new Error("unset") });
    const { client, result } = await run(async (context) => {
      const authority = context.authority();
      const grant: Grant = await authority.reserve(call("0.5"), { idempotencyKey: "a" });
      const again = await authority.reserve(call("0.5"), { idempotencyKey: "a" });
      const spend = { amount: usd("0.2"), basis: "actual" } as const;
      const first = authority.prepare(grant, { kind: "commit", spend }, { idempotencyKey: "a", recordedAtMs: 1 });
      const [one, two] = await Promise.all([authority.settle(first), authority.settle(first)]);
      const other: SettlementInstruction = { ...first, idempotencyKey: "b" };
      const open = await authority.reserve(call("0.5"), { idempotencyKey: "c" });
      const second = authority.prepare(open, { kind: "commit", spend }, { idempotencyKey: "c", recordedAtMs: 1 });
      after = () => authority.settle(second);
      late = authority.settle(other);
      return [again.id === grant.id, one === two, "settled" in one, "rejected" in (await late)];
    });
    expect(result).toEqual([true, true, true, true]);
    expect(client.events("metric").filter(({ payload }) => payload.body?.["name"] === "cost.inference")).toHaveLength(
      1,
    );
    expect("rejected" in (await after())).toBe(true);
  });

  it("is not durable, and knows its job", async () => {
    const { result, client } = await run((context) => {
      const { durable, protocol, target } = context.authority();
      return { durable, protocol, target };
    });
    expect(result).toEqual({ durable: false, protocol: "arcp", target: client.of("job.accepted")[0]?.job_id });
  });
});

/** An authority of some other protocol, in memory. */
function bank(
  reserve: () => void = () => {},
): SpendAuthority & { readonly requests: ReserveRequest[]; readonly settled: SettlementInstruction[] } {
  const requests: ReserveRequest[] = [];
  const settled: SettlementInstruction[] = [];
  return {
    protocol: "bank",
    target: "bank",
    durable: false,
    requests,
    settled,
    async reserve(request, { idempotencyKey }) {
      reserve();
      requests.push(request);
      return { id: idempotencyKey, decision: "ALLOW", reserved: request.estimate, caps: [], request, wire: undefined };
    },
    prepare: (grant, intent, stamp) => ({
      protocol: "bank",
      target: "bank",
      reservationId: grant.id,
      kind: intent.kind,
      mode: intent.kind,
      body: intent.kind === "commit" ? intent.spend.amount.amount.toString() : "",
      notBeforeMs: 0,
      ...stamp,
    }),
    async settle(instruction) {
      settled.push(instruction);
      const { reservationId, idempotencyKey, kind } = instruction;
      return { settled: { status: kind === "commit" ? "committed" : "released", reservationId, idempotencyKey } };
    },
  };
}

describe("a job's budget backed by any authority", () => {
  const backed = (authority: SpendAuthority): Partial<ArcpRuntimeOptions> => ({
    settlement: {
      authority,
      currency: "USD",
      unit: { name: "USD_MICROCENTS", scale: 8 },
      request: ({ principal }) => ({ subject: { tenant: principal } }),
    },
  });

  it("reserves the ceiling before the job is accepted and commits what it and its children cost, rounded up", async () => {
    const authority = bank();
    const { runtime } = createRuntime(backed(authority));
    runtime.agent("child", (context) => context.metric({ name: "cost.llm", value: "0.000000001", unit: "USD" }));
    runtime.agent("parent", async (context) => {
      await context.metric({ name: "cost.llm", value: "0.25", unit: "USD" });
      await (await context.delegate({ agent: "child" })).result();
    });
    const client = new RawClient(runtime);
    await client.hello();
    const lease = { "agent.delegate": ["child"], "cost.budget": ["USD:1.00"] };
    const { job_id } = await client.submit({ agent: "parent", lease_request: lease });
    await client.next((frame) => frame.type === "job.result" && frame.job_id === job_id);
    await settle();
    expect(authority.requests).toMatchObject([
      { estimate: usd("1"), action: { kind: "arcp.job", name: "parent" }, subject: { tenant: "alice" } },
    ]);
    expect(authority.settled.map(({ kind, body }) => [kind, body])).toEqual([["commit", "25000001"]]);
  });

  it("gives everything back when nothing was spent", async () => {
    const authority = bank();
    await run(() => "free", backed(authority));
    await settle();
    expect(authority.settled.map(({ kind }) => kind)).toEqual(["release"]);
  });

  it("a denial is BUDGET_EXHAUSTED, no answer is INTERNAL_ERROR; the job does not exist", async () => {
    for (const [thrown, code] of [
      [new DeniedError("no", { reasonCode: "BUDGET_EXCEEDED" }), "BUDGET_EXHAUSTED"],
      [new ConnectionError("down"), "INTERNAL_ERROR"],
    ] as const) {
      const { runtime } = createRuntime(
        backed(
          bank(() => {
            throw thrown;
          }),
        ),
      );
      const client = new RawClient(runtime);
      await client.hello();
      expect((await client.submit({ agent: "echo", lease_request })).payload.code).toBe(code);
      expect(runtime.counts.jobs).toBe(0);
    }
  });
});
