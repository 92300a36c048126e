import { describe, expect, it } from "vitest";
import { type ArcpEvent, type ArcpJob, type ArcpSession, withReservation } from "../../src/index.ts";
import { ScriptedRuntime } from "@imprest/testing/arcp";
import { turn } from "../support/turn.ts";

async function submitted(runtime: ScriptedRuntime, session: ArcpSession, accepted: object = {}): Promise<ArcpJob> {
  const submitting = session.submit({ agent: "slow" });
  await runtime.until("job.submit");
  runtime.accept("job_1", accepted);
  return submitting;
}

async function messages(job: AsyncIterable<ArcpEvent>): Promise<string[]> {
  const seen: string[] = [];
  for await (const event of job) seen.push(event.kind === "log" ? event.body.message : event.kind);
  return seen;
}

const cost = (value: number): object => ({ name: "cost.work", value, unit: "USD" });
const said = (costs: object): object => ({ extensions: { "x-vendor.imprest.costs": costs } });

describe("events that come before their submit has resolved", () => {
  it("are all there for whoever begins to read in that turn", async () => {
    const runtime = new ScriptedRuntime();
    const session = await runtime.connect();
    const submitting = session.submit({ agent: "slow" });
    await runtime.until("job.submit");
    for (let at = 0; at < 20_000; at++) runtime.log("job_1", `${at}`);
    await turn();
    runtime.accept("job_1");
    const seen = messages(await submitting);
    runtime.succeed("job_1");
    expect(await seen).toEqual(Array.from({ length: 20_000 }, (_, at) => `${at}`));
  });

  it("are not acknowledged before they are read", async () => {
    const runtime = new ScriptedRuntime();
    const session = await runtime.connect({ acknowledgeEveryMs: 10 });
    const submitting = session.submit({ agent: "slow" });
    await runtime.until("job.submit");
    for (const message of ["1", "2"]) runtime.log("job_1", message);
    await runtime.clock.advance(100);
    expect(runtime.framesOf("session.ack")).toEqual([]);
    runtime.accept("job_1");
    const seen = messages(await submitting);
    runtime.succeed("job_1");
    await seen;
    await runtime.clock.advance(100);
    expect(runtime.framesOf("session.ack").at(-1)?.payload).toEqual({ last_processed_seq: 3 });
  });
});

describe("an event that is sent again", () => {
  it("under its old number and a new id is delivered once, and its cost counted once", async () => {
    const runtime = new ScriptedRuntime();
    const session = await runtime.connect();
    const job = await submitted(runtime, session);
    const seen = messages(job);
    for (const id of ["msg_a", "msg_b"]) {
      runtime.nextSeq = 1;
      runtime.event("job_1", "metric", cost(0.5), { id });
      runtime.nextSeq = 2;
      runtime.event("job_1", "log", { level: "info", message: "two" }, { id: `${id}_2` });
    }
    runtime.succeed("job_1");
    expect(await seen).toEqual(["metric", "two"]);
    expect([job.costs, runtime.warnings]).toEqual([{ USD: "0.5" }, []]);
  });

  it("but another under the same number is another", async () => {
    const runtime = new ScriptedRuntime();
    const session = await runtime.connect();
    const job = await submitted(runtime, session);
    for (const value of [0.25, 0.75]) {
      runtime.nextSeq = 1;
      runtime.event("job_1", "metric", cost(value), { id: `msg_${value}` });
    }
    runtime.succeed("job_1");
    await job.result();
    expect([job.costs, runtime.warnings]).toEqual([{ USD: "1" }, ["REUSED_SEQ"]]);
  });
});

describe("what a job spent, where events are missing", () => {
  /** A job one of whose metrics the runtime cannot replay; `end` is what comes with its end. */
  async function settled(end: object): Promise<Awaited<ReturnType<typeof withReservation>>["settlement"]> {
    const runtime = new ScriptedRuntime();
    const session = await runtime.connect({ reconnect: false });
    const settling = withReservation(session, { agent: "slow" }, (job) => job.result());
    await runtime.until("job.submit");
    runtime.accept("job_1", { lease: { "cost.budget": ["USD:2.00"] }, budget: { USD: 2 } });
    runtime.event("job_1", "metric", cost(0.5));
    runtime.nextSeq = 3;
    runtime.numbered("job.result", "job_1", { final_status: "success", result: 1 }, end);
    await turn();
    await runtime.clock.advance(200);
    return (await settling).settlement;
  }

  it("is a lower bound, and says so", async () => {
    const settlement = await settled({});
    expect(settlement).toMatchObject({ spent: { USD: "0.5" }, spentIsExact: false, eventsMissing: true });
    expect(settlement.charged).toBeUndefined();
  });

  it("is exact where the runtime says with the end what it counted", async () => {
    const settlement = await settled(said({ USD: "1.75" }));
    expect(settlement).toMatchObject({
      spent: { USD: "1.75" },
      spentIsExact: true,
      eventsMissing: true,
      remaining: { USD: "0.25" },
      charged: { unit: "USD_MICROCENTS", amount: 175_000_000n },
    });
  });

  it.each([
    ["a number", { USD: 1.75 }],
    ["a negative amount", { USD: "-1" }],
    ["no amount", { USD: "much" }],
    ["no object", "1.75"],
  ])("is not taken from %s", async (_what, costs) => {
    expect(await settled(said(costs as object))).toMatchObject({ spent: { USD: "0.5" }, spentIsExact: false });
  });
});

describe("the budget of a job that is watched from its beginning", () => {
  it("is counted down once: the counters of a subscription are those of now", async () => {
    const runtime = new ScriptedRuntime();
    const session = await runtime.connect();
    const subscribing = session.subscribe("job_9", { history: true });
    const { id } = await runtime.until("job.subscribe");
    const lease = { "cost.budget": ["USD:2.00"] };
    const answer = { job_id: "job_9", current_status: "running", agent: "slow", lease, budget: { USD: 1.5 } };
    runtime.send({
      type: "job.subscribed",
      job_id: "job_9",
      payload: { ...answer, request_id: id, subscribed_from: 0 },
    });
    runtime.event("job_9", "metric", cost(0.5));
    await turn();
    const { budget } = await subscribing;
    expect([budget.initial("USD"), budget.remaining("USD")]).toEqual(["2", "1.5"]);
    runtime.event("job_9", "metric", cost(0.25));
    await turn();
    expect(budget.remaining("USD")).toBe("1.25");
  });
});
