import * as ap2 from "@imprest/ap2";
import * as arcp from "@imprest/arcp";
import { createArcpRuntime } from "@imprest/arcp/runtime";
import * as asp from "@imprest/asp";
import { type Settlement, type Transport, amount, usd } from "@imprest/core";
import * as cycles from "@imprest/cycles";
import { describe, expect, it } from "vitest";

// The helpers of all four wires take source, request or terms, body and options. `withReservation` gives the body's value
// and a settlement that extends core's, `guard` the value alone, and `onSettlement` is called with the settlement.

/** Answers by the last part of the path: `reservations`, `commit`, `Reserve`, `Commit`. */
const answering =
  (answers: Readonly<Record<string, object>>): Transport =>
  ({ url }) =>
    Promise.resolve({
      status: 200,
      headers: { "content-type": "application/json" },
      body: JSON.stringify(answers[url.split("/").at(-1) ?? ""] ?? {}),
    });

const charged = usd("1");
const booked = { status: "COMMITTED", charged: { unit: charged.unit, amount: Number(charged.amount) } };
const allowed = { decision: "ALLOW", reservation_id: "rsv_1", affected_scopes: [], remaining_ttl_ms: 60_000 };
const cyclesClient = new cycles.CyclesClient({
  baseUrl: "http://localhost",
  apiKey: "test-key-123",
  subject: { tenant: "acme" },
  transport: answering({ reservations: allowed, commit: booked }),
});
const aspAuthority = new asp.AspAuthority(
  {
    baseUrl: "https://authority.example",
    transport: answering({
      Reserve: { decision: "ALLOW", reservationId: "rsv_1", ttlExpiresAt: new Date(Date.now() + 60_000).toISOString() },
      Commit: { reservationId: "rsv_1" },
    }),
  },
  { budget: { budgetId: "team" } },
);

async function openSession(): Promise<arcp.ArcpSession> {
  const runtime = createArcpRuntime({ authenticate: () => "alice" });
  runtime.agent("worker", () => "done");
  const dial = (): ReturnType<typeof arcp.createMemoryPair>[0] => {
    const [near, far] = arcp.createMemoryPair();
    runtime.accept(far);
    return near;
  };
  return arcp.connect(dial, { token: "t" });
}

type Body = () => string;
interface Options {
  readonly onSettlement: (settlement: Settlement) => unknown;
}
/** What is the same on every wire: an assignment that does not compile is a wire that differs. */
interface Wire {
  readonly withReservation: (body: Body, options: Options) => Promise<{ value: string; settlement: Settlement }>;
  readonly guard: (body: Body, options: Options) => () => Promise<string>;
}

const kind = { kind: "payment.charge" };
const request = { estimate: charged, action: kind };
const tokens = { estimate: amount("output_token", 5), action: kind };
const spend = { spend: () => charged };
const spentTokens = { spend: () => amount("output_token", 5) };
const terms = { runId: "run_1", tenant: "acme" };
const mandate = (transactionId: string): ap2.AP2Mandate => ({
  transactionId,
  amountValue: "1.00",
  currency: "USD",
  payeeWebsite: "merchant.example",
});

const wires: [string, () => Promise<Wire>][] = [
  [
    "Cycles",
    async () => ({
      withReservation: (body, options) => cycles.withReservation(cyclesClient, request, body, { ...spend, ...options }),
      guard: (body, options) => cycles.guard(cyclesClient, request, body, { ...spend, ...options }),
    }),
  ],
  [
    "ASP",
    async () => ({
      withReservation: (body, options) =>
        asp.withReservation(aspAuthority, tokens, body, { ...spentTokens, ...options }),
      guard: (body, options) => asp.guard(aspAuthority, tokens, body, { ...spentTokens, ...options }),
    }),
  ],
  [
    "ARCP",
    async () => {
      const session = await openSession();
      return {
        withReservation: (body, options) => arcp.withReservation(session, { agent: "worker" }, body, options),
        guard: (body, options) => arcp.guard(session, { agent: "worker" }, body, options),
      };
    },
  ],
  [
    "AP2",
    async () => ({
      withReservation: (body, options) =>
        ap2.withReservation(cyclesClient, { ...terms, mandate: mandate("tx-1") }, body, options),
      guard: (body, options) => {
        const pay = ap2.guard(cyclesClient, terms, body, options);
        return () => pay(mandate("tx-2"));
      },
    }),
  ],
];

describe.each(wires)("over %s", (_wire, open) => {
  it("withReservation resolves to the value and the settlement that onSettlement was called with", async () => {
    const heard: Settlement[] = [];
    const { withReservation } = await open();
    const result = await withReservation(() => "paid", { onSettlement: (settlement) => heard.push(settlement) });
    expect(result).toEqual({ value: "paid", settlement: expect.objectContaining({ status: "committed" }) });
    expect(heard).toEqual([result.settlement]);
  });

  it("guard resolves to the value, and onSettlement is called with the settlement", async () => {
    const heard: Settlement[] = [];
    const { guard } = await open();
    const call = guard(() => "paid", { onSettlement: (settlement) => heard.push(settlement) });
    await expect(call()).resolves.toBe("paid");
    expect(heard).toMatchObject([{ status: "committed" }]);
  });
});
