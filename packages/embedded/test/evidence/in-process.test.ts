import { usdMicrocents, tokens, withReservation } from "@imprest/core";
import { beforeEach, describe, expect, it } from "vitest";
import type { LedgerSpendAuthority } from "../../src/index.ts";
import { SigningWorld, action, authentic, serverId } from "./support.ts";

let world: SigningWorld;
let acme: LedgerSpendAuthority;
const traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

beforeEach(async () => {
  world = await new SigningWorld().open();
  acme = world.authority.authority({ tenant: "acme", subject: { agent: "bot" }, terms: { overage_policy: "REJECT" } });
});

function verify(evidence: { readonly id: string; readonly url?: string | undefined } | undefined) {
  const reference = { evidence_id: evidence?.id ?? "", cycles_evidence_url: evidence?.url ?? "" };
  expect(reference.cycles_evidence_url).toBe(`${serverId}/evidence/${reference.evidence_id}`);
  return world.verify(reference);
}

describe("the in-process authority", () => {
  it("refers to the evidence of decisions, grants and settlements, in the words of the wire", async () => {
    const request = { estimate: tokens(100), action: { kind: "llm" }, metadata: { run: "r" } };
    const decision = await acme.decide(request, { traceparent });
    expect(await verify(decision.evidence)).toMatchObject({
      ...authentic,
      envelope: { artifact_type: "decide", trace_id: "0af7651916cd43dd8448eb211c80319c" },
    });
    const grant = await acme.reserve(request, { idempotencyKey: "k" });
    expect(await verify(grant.evidence)).toMatchObject({
      ...authentic,
      envelope: {
        payload: {
          reserve: {
            request: {
              idempotency_key: "k",
              subject: { tenant: "acme", agent: "bot" },
              action: { kind: "llm", name: "llm" },
              estimate: tokens(100),
              ttl_ms: 60_000,
              overage_policy: "REJECT",
              metadata: { run: "r" },
            },
            response: { decision: "ALLOW", reservation_id: grant.id },
          },
        },
      },
    });
    const { settlement } = await withReservation(acme, { estimate: tokens(100), action }, async (reservation) =>
      reservation.spend(tokens(60), { inputTokens: 12, custom: { a: 1 } }),
    );
    expect(await verify(settlement.evidence)).toMatchObject({
      ...authentic,
      envelope: {
        payload: {
          commit: {
            reservation_id: settlement.reservationId,
            request: { actual: tokens(60), metrics: { tokens_input: 12, custom: { a: 1 } } },
            response: { status: "COMMITTED", charged: tokens(60), released: tokens(40) },
          },
        },
      },
    });
  });

  it("a release is attested, and a replay refers to the first envelope", async () => {
    const request = { estimate: tokens(100), action };
    const grant = await acme.reserve(request, { idempotencyKey: "k" });
    expect((await acme.reserve(request, { idempotencyKey: "k" })).evidence).toEqual(grant.evidence);
    const instruction = acme.prepare(
      grant,
      { kind: "release", reason: { code: "caller", text: "no" } },
      { idempotencyKey: "r", recordedAtMs: 0 },
    );
    const attempts = [await acme.settle(instruction), await acme.settle(instruction)];
    expect(attempts[1]).toEqual(attempts[0]);
    const [attempt] = attempts;
    if (attempt === undefined || !("settled" in attempt)) throw new Error("The release was not settled.");
    expect(await verify(attempt.settled.evidence)).toMatchObject({
      ...authentic,
      envelope: { payload: { release: { request: { idempotency_key: "r", reason: "no" } } } },
    });
  });

  it("the late path and an amount that cannot be stated are settled without evidence", async () => {
    const grant = await acme.reserve({ estimate: tokens(10), action, ttlMs: 1_000 }, { idempotencyKey: "k" });
    world.clock.advance(10_000);
    const spend = { amount: tokens(5), basis: "actual" } as const;
    const instruction = acme.prepare(grant, { kind: "commit", spend }, { idempotencyKey: "c", recordedAtMs: 0 });
    const late = await acme.settle(instruction);
    if (!("next" in late)) throw new Error("An expired reservation gives way to the late path.");
    expect(late).not.toHaveProperty("next.evidence");
    const recorded = await acme.settle(late.next);
    expect(recorded).toMatchObject({ settled: { status: "recorded" } });
    expect(recorded).not.toHaveProperty("settled.evidence");
    const most = 2n ** 60n + 1n;
    await world.authority.budgets.create({ scope: { tenant: "acme" }, allocated: usdMicrocents(most) });
    const large = await acme.reserve({ estimate: usdMicrocents(most), action }, { idempotencyKey: "l" });
    expect(large.reserved.amount).toBe(most);
    expect(large.evidence).toBeUndefined();
  });
});
