import {
  AP2AlreadyConsumed,
  AP2GuardDenied,
  AP2ReserveUncertain,
  paymentAuthority,
  withReservation as pay,
} from "@imprest/ap2";
import { ArcpError, connect, createMemoryPair, withReservation as submit } from "@imprest/arcp";
import { createArcpRuntime } from "@imprest/arcp/runtime";
import { AspAuthority } from "@imprest/asp";
import {
  AuthorityUnreachableError,
  DeniedError,
  type Transport,
  amount,
  memoryRecordStore,
  settlementQueue,
  usd,
  withReservation,
} from "@imprest/core";
import { BudgetExceededError, CyclesAuthority, CyclesClient } from "@imprest/cycles";
import { describe, expect, it } from "vitest";

// One catch block recognises a No, whichever package said it.

const answering =
  (status: number, body: unknown): Transport =>
  () =>
    Promise.resolve({ status, headers: { "content-type": "application/json" }, body: JSON.stringify(body) });

const connection = { baseUrl: "http://localhost:7878", apiKey: "test-key-123" };
const exceeded = answering(409, { error: "BUDGET_EXCEEDED", message: "spent", request_id: "req_1" });
const cyclesWith = (transport: Transport): CyclesClient =>
  new CyclesClient({ ...connection, subject: { tenant: "acme" }, transport });
const request = { estimate: usd("0.02"), action: { kind: "llm.completion" } };
const mandate = {
  transactionId: "tx-1",
  amountValue: "1.00",
  currency: "USD",
  payeeWebsite: "merchant.example",
  checkoutHash: "ch_demo",
};
const terms = { mandate, runId: "run_1", tenant: "acme", agent: "bot" };

async function arcp(body: () => unknown): Promise<unknown> {
  const runtime = createArcpRuntime({
    authenticate: () => "alice",
    settlement: {
      authority: new CyclesAuthority(cyclesWith(exceeded)),
      currency: "USD",
      unit: { name: "USD_MICROCENTS", scale: 8 },
    },
  });
  runtime.agent("spender", () => 1);
  const session = await connect(
    () => {
      const [client, far] = createMemoryPair();
      runtime.accept(far);
      return client;
    },
    { token: "t" },
  );
  return submit(session, { agent: "spender", lease: { "cost.budget": ["USD:1.00"] } }, body);
}

const asp = (body: () => unknown): Promise<unknown> => {
  const transport = answering(200, { decision: "DENY", reasonCodes: ["budget_exceeded"] });
  const authority = new AspAuthority({ baseUrl: connection.baseUrl, transport }, { budget: { budgetId: "team" } });
  return withReservation(authority, { ...request, estimate: amount("output_token", 1n) }, body);
};

const wires: [string, string, (body: () => unknown) => Promise<unknown>][] = [
  ["Cycles", "BUDGET_EXCEEDED", (body) => withReservation(new CyclesAuthority(cyclesWith(exceeded)), request, body)],
  ["ASP", "budget_exceeded", asp],
  ["ARCP", "BUDGET_EXHAUSTED", arcp],
  ["AP2", "BUDGET_EXCEEDED", (body) => pay(cyclesWith(exceeded), terms, body)],
];

describe.each(wires)("a No over %s", (_wire, reasonCode, call) => {
  it("is a DeniedError with the authority's reason, and the body does not run", async () => {
    let ran = false;
    const error: unknown = await call(() => (ran = true)).catch((thrown: unknown) => thrown);
    expect(DeniedError.isInstance(error)).toBe(true);
    expect(error).toMatchObject({ decision: "DENY", reasonCode, caps: [] });
    expect(ran).toBe(false);
  });
});

describe("a client without the kernel", () => {
  const wire = { subject: { tenant: "acme" }, action: { kind: "k", name: "n" }, estimate: usd("0.02"), ttl_ms: 1_000 };

  it("says No to a Cycles reserve as a DeniedError of the code's own class", async () => {
    const error: unknown = await cyclesWith(exceeded)
      .createReservation(wire)
      .catch((thrown: unknown) => thrown);
    expect([BudgetExceededError.isInstance(error), DeniedError.isInstance(error)]).toEqual([true, true]);
    expect(error).toMatchObject({ reasonCode: "BUDGET_EXCEEDED", errorCode: "BUDGET_EXCEEDED" });
  });

  it("is not denied by the same code in the answer to a commit, after the call has run", async () => {
    const error: unknown = await cyclesWith(exceeded)
      .commitReservation("rsv_1", { actual: usd("0.02") })
      .catch((thrown: unknown) => thrown);
    expect([BudgetExceededError.isInstance(error), DeniedError.isInstance(error)]).toEqual([true, false]);
  });

  it("is not denied by an answer of the server's own failure", async () => {
    const error: unknown = await cyclesWith(answering(503, { error: "BUDGET_EXCEEDED", message: "", request_id: "r" }))
      .createReservation(wire)
      .catch((thrown: unknown) => thrown);
    expect(DeniedError.isInstance(error)).toBe(false);
  });

  it("is denied by an ARCP refusal to submit, and not by the same code as the end of a job", () => {
    const failure = { code: "BUDGET_EXHAUSTED", message: "spent" };
    expect(DeniedError.isInstance(new ArcpError(failure, { phase: "submit" }))).toBe(true);
    expect(DeniedError.isInstance(new ArcpError(failure, { phase: "job" }))).toBe(false);
    expect(DeniedError.isInstance(new ArcpError({ code: "AGENT_NOT_AVAILABLE" }, { phase: "submit" }))).toBe(false);
  });
});

describe("a payment", () => {
  it("of a mandate that was used is a No", async () => {
    const error: unknown = await pay(
      cyclesWith(answering(409, { error: "IDEMPOTENCY_MISMATCH", message: "", request_id: "r" })),
      terms,
      () => 1,
    ).catch((thrown: unknown) => thrown);
    expect([AP2AlreadyConsumed.isInstance(error), DeniedError.isInstance(error)]).toEqual([true, true]);
    expect(error).toMatchObject({ code: "ERR_AP2_ALREADY_CONSUMED", reasonCode: "IDEMPOTENCY_MISMATCH" });
  });

  it("refused for caps names them, as the kernel's denial does", async () => {
    const capped = {
      decision: "ALLOW_WITH_CAPS",
      reservation_id: "rsv_1",
      caps: { max_tokens: 5 },
      affected_scopes: [],
      remaining_ttl_ms: 60_000,
    };
    const error: unknown = await pay(cyclesWith(answering(200, capped)), terms, () => 1).catch(
      (thrown: unknown) => thrown,
    );
    expect(AP2GuardDenied.isInstance(error) && DeniedError.isInstance(error)).toBe(true);
    expect(error).toMatchObject({ reasonCode: "CAPS_NOT_HONOURED", caps: [{ name: "max_tokens", value: 5 }] });
  });

  it("without an answer to its reserve is unreachable and not denied", async () => {
    const error: unknown = await pay(cyclesWith(answering(503, {})), terms, () => 1).catch((thrown: unknown) => thrown);
    expect(AP2ReserveUncertain.isInstance(error)).toBe(true);
    expect([AuthorityUnreachableError.isInstance(error), DeniedError.isInstance(error)]).toEqual([true, false]);
  });

  it("that is denied emits one decision", async () => {
    const records = memoryRecordStore();
    const authority = new CyclesAuthority(cyclesWith(exceeded), { records });
    const decisions: unknown[] = [];
    settlementQueue(paymentAuthority(authority, records)).observer.on("decision", (event) => decisions.push(event));
    await expect(pay(authority, terms, () => 1)).rejects.toThrow(AP2GuardDenied);
    expect(decisions).toMatchObject([{ decision: "DENY", reasonCode: "BUDGET_EXCEEDED" }]);
  });
});
