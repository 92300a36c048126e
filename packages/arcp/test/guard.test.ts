import { type Settlement, amount, usd } from "@imprest/core";
import { describe, expect, it } from "vitest";
import { type ArcpSession, connect, createMemoryPair, guard, withReservation } from "../src/index.ts";
import { type ArcpRuntimeOptions, createArcpRuntime } from "../src/runtime/index.ts";
import type { ArcpTransport } from "../src/transport/transport.ts";
import { refusal } from "./support/refusal.ts";

async function session(
  options: Partial<ArcpRuntimeOptions> = {},
): Promise<{ readonly session: ArcpSession; readonly cancelled: string[] }> {
  const cancelled: string[] = [];
  const runtime = createArcpRuntime({ authenticate: () => "alice", ...options });
  const connections: ArcpTransport[] = [];
  runtime.agent("hasty", async (context) => {
    await context.metric({ name: "cost.work", value: "0.001", unit: "USD" });
    connections.at(-1)?.close(1006);
    await new Promise((resolve) => setTimeout(resolve, 1));
    // Nothing waits for the client that is away: what its session cannot keep is forced out.
    for (let at = 1; at < 900; at++) void context.metric({ name: "cost.work", value: "0.001", unit: "USD" });
  });
  runtime.agent("spender", async (context) => {
    await context.metric({ name: "cost.work", value: "0.25", unit: "USD" });
    return context.input;
  });
  runtime.agent("idle", () => 1);
  runtime.agent("delegating", async (context) => {
    await context.metric({ name: "cost.work", value: "0.05", unit: "USD" });
    return (await context.delegate({ agent: "spender", input: "below" })).result();
  });
  runtime.agent(
    "slow",
    (context) =>
      new Promise((_, reject) =>
        context.signal.addEventListener("abort", () => {
          cancelled.push(context.jobId);
          reject(new Error("stopped"));
        }),
      ),
  );
  const dial = () => {
    const [client, far] = createMemoryPair();
    connections.push(far);
    runtime.accept(far);
    return client;
  };
  return { session: await connect(dial, { token: "t", backOff: () => 50 }), cancelled };
}

const lease = { "cost.budget": ["USD:1.00"] };

describe("a job as a reservation", () => {
  it("settles with what the job's cost metrics reported", async () => {
    const { session: open } = await session();
    const { value, settlement } = await withReservation(open, { agent: "spender", input: 7, lease }, (job) =>
      job.result(),
    );
    expect(value).toBe(7);
    expect([settlement.spent, settlement.remaining, settlement.outcome.status]).toEqual([
      { USD: "0.25" },
      { USD: "0.75" },
      "success",
    ]);
    expect(settlement.eventsMissing).toBe(false);
  });

  it("settles with what jobs that it delegated to have spent as well", async () => {
    const { session: open } = await session();
    const delegating = { agent: "delegating", lease: { ...lease, "agent.delegate": ["spender"] } };
    const { value, settlement } = await withReservation(open, delegating, (job) => job.result());
    expect([value, settlement.spent, settlement.remaining]).toEqual(["below", { USD: "0.3" }, { USD: "0.7" }]);
  });

  it.each([
    ["settles for all of a job whose history outlived its session", 10_000, { USD: "0.9" }, false],
    ["says so when a job's history was cut, and its session is gone", 100, {}, true],
  ])("%s", async (_title, maxHistoryEvents, spent, eventsMissing) => {
    const { session: open } = await session({ maxOutboxFrames: 50, maxHistoryEvents });
    const gaps: unknown[] = [];
    open.on("gap", (gap) => gaps.push(gap));
    const first = open.id;
    const { settlement } = await withReservation(open, { agent: "hasty", lease }, (job) => job.outcome());
    expect(settlement).toMatchObject({ outcome: { status: "success" }, spent, eventsMissing });
    expect(gaps).toHaveLength(eventsMissing ? 1 : 0);
    expect(open.id).not.toBe(first);
  });

  it("cancels the job when the body throws, and throws the body's error at once", async () => {
    const { session: open, cancelled } = await session();
    const failing = withReservation(open, { agent: "slow", lease }, () => {
      throw new RangeError("the body");
    });
    expect(await refusal(failing)).toBe("RangeError");
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(cancelled.length).toBe(1);
  });

  it("cancels the job when the caller aborts", async () => {
    const { session: open, cancelled } = await session();
    const aborter = new AbortController();
    const waiting = withReservation(open, { agent: "slow", signal: aborter.signal }, (job) => job.result());
    setTimeout(() => aborter.abort(), 10);
    expect(await refusal(waiting)).toBe("AbortedError");
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(cancelled.length).toBe(1);
  });

  it("never runs the body when the submit is refused", async () => {
    const { session: open } = await session();
    let ran = false;
    const refused = withReservation(open, { agent: "nobody" }, () => {
      ran = true;
    });
    expect([await refusal(refused), ran]).toEqual(["AGENT_NOT_AVAILABLE", false]);
  });

  it("guard makes a function of it", async () => {
    const { session: open } = await session();
    const double = guard(
      open,
      (value: number) => ({ agent: "spender", input: value, lease }),
      async (job, value) => Number(await job.result()) + value,
    );
    expect([await double(3), await double(4)]).toEqual([6, 8]);
  });

  it("settles in core's own terms: status, ids, charge and what is given back", async () => {
    const { session: open } = await session();
    const { settlement } = await withReservation(open, { agent: "spender", lease }, (job) => job.result(), {
      idempotencyKey: "order-7",
    });
    const asAnywhere: Settlement = settlement;
    expect(asAnywhere).toMatchObject({
      status: "committed",
      reservationId: settlement.jobId,
      idempotencyKey: "order-7",
      basis: "actual",
      charged: usd("0.25"),
      refunded: usd("0.75"),
    });
  });

  it("names no charge where no unit holds it exactly, nor for two currencies", async () => {
    const { session: open } = await session();
    const inEuro = await withReservation(
      open,
      { agent: "spender", lease: { "cost.budget": ["USD:1.00", "EUR:0.5"] } },
      (job) => job.result(),
    );
    expect(inEuro.settlement).not.toHaveProperty("charged");
    expect(inEuro.settlement.remaining).toEqual({ USD: "0.75", EUR: "0.5" });
    const free = await withReservation(open, { agent: "idle", lease: { "cost.budget": ["EUR:0.5"] } }, (job) =>
      job.result(),
    );
    expect(free.settlement).toMatchObject({ charged: amount("EUR", 0), spent: {} });
    expect(free.settlement).not.toHaveProperty("refunded");
  });

  it("guard takes options, and what the job came to goes to onSettlement", async () => {
    const { session: open, cancelled } = await session();
    const aborter = new AbortController();
    const settlements: Settlement[] = [];
    const run = guard(
      open,
      { agent: "spender", lease },
      (job, _key: string) => job.outcome(),
      (key) => ({
        idempotencyKey: key,
        onSettlement: (settlement) => {
          settlements.push(settlement);
          throw new Error("the listener's own");
        },
      }),
    );
    expect(await run("key-1")).toMatchObject({ status: "success" });
    expect(settlements).toMatchObject([{ idempotencyKey: "key-1", charged: usd("0.25") }]);
    const waiting = guard(open, { agent: "slow" }, (job) => job.result(), { signal: aborter.signal })();
    setTimeout(() => aborter.abort(), 10);
    expect(await refusal(waiting)).toBe("AbortedError");
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(cancelled.length).toBe(1);
  });
});
