import { describe, expect, it } from "vitest";
import {
  type Attempt,
  type Grant,
  type Intent,
  type ReserveRequest,
  type SettlementInstruction,
  type Spend,
  ValidationError,
  tokens,
  usd,
} from "@imprest/core";
import { createManualClock } from "@imprest/testing";
import { CyclesAuthority, type CyclesAuthorityOptions } from "@imprest/cycles";
import {
  type Answer,
  committed,
  money,
  refusal,
  startStub,
  withAdditions,
  type StubAuthority,
} from "./support/stub-authority.ts";

const request: ReserveRequest = {
  estimate: usd("0.01"),
  action: { kind: "llm.completion", name: "openai:gpt-5", tags: ["prod"] },
  subject: { tenant: "acme", agent: "summarizer", dimensions: { run: "7" } },
  extensions: { cycles: { overage_policy: "ALLOW_WITH_OVERDRAFT" } },
};
const grant: Grant = { id: "rsv_1", decision: "ALLOW", reserved: usd("0.01"), caps: [], request, wire: {} };
const stamp = { idempotencyKey: "key-1", recordedAtMs: 1_000 };
const spend: Spend = { amount: usd("0.005"), basis: "actual" };

const modes = ["commit", "release", "event"] as const;
type Mode = (typeof modes)[number];

const authorityAt = (baseUrl: string, options: CyclesAuthorityOptions = {}): CyclesAuthority =>
  new CyclesAuthority({ baseUrl, apiKey: "test-key", timeoutMs: 1_000 }, options);

function instructionFor(authority: CyclesAuthority, mode: Mode): SettlementInstruction {
  const intent: Intent =
    mode === "release" ? { kind: "release", reason: { code: "unused", text: "unused" } } : { kind: "commit", spend };
  const instruction = authority.prepare(grant, intent, stamp);
  return mode === "event"
    ? { ...instruction, mode, body: instruction.fallback ?? "", fallback: undefined }
    : instruction;
}

async function settle(
  answer: Answer,
  mode: Mode = "commit",
): Promise<{ attempt: Attempt; stub: StubAuthority; instruction: SettlementInstruction }> {
  const stub = await startStub(() => answer);
  const authority = authorityAt(stub.url);
  const instruction = instructionFor(authority, mode);
  return { attempt: await authority.settle(instruction), stub, instruction };
}

describe("prepare", () => {
  const authority = authorityAt("https://cycles.example");

  it("freezes a commit and its late path, and is pure", () => {
    const full: Spend = {
      amount: usd("0.005"),
      basis: "actual",
      metrics: { inputTokens: 5, outputTokens: 6, latencyMs: 7, modelVersion: "m", custom: { cached: 1 } },
      metadata: { job: 9_007_199_254_740_993n },
      facts: { receipt: "r" },
    };
    const instruction = authority.prepare(grant, { kind: "commit", spend: full }, stamp);
    expect(instruction).toMatchObject({
      protocol: "cycles",
      target: "https://cycles.example",
      reservationId: "rsv_1",
      idempotencyKey: "key-1",
      kind: "commit",
      mode: "commit",
      recordedAtMs: 1_000,
      notBeforeMs: 0,
    });
    const tail =
      '"metrics":{"tokens_input":5,"tokens_output":6,"latency_ms":7,"model_version":"m","custom":{"cached":1}},' +
      '"metadata":{"job":9007199254740993,"receipt":"r"}}';
    const actual = '"actual":{"unit":"USD_MICROCENTS","amount":500000}';
    expect(instruction.body).toBe(`{"idempotency_key":"key-1",${actual},${tail}`);
    expect(instruction.fallback).toBe(
      '{"idempotency_key":"key-1","subject":{"tenant":"acme","agent":"summarizer","dimensions":{"run":"7"}},' +
        '"action":{"kind":"llm.completion","name":"openai:gpt-5","tags":["prod"]},' +
        `${actual},"overage_policy":"ALLOW_WITH_OVERDRAFT",${tail}`,
    );
    expect(authority.prepare(grant, { kind: "commit", spend: full }, stamp)).toEqual(instruction);
    expect(JSON.parse(JSON.stringify(instruction))).toEqual(instruction);
  });

  it("the late path keeps the overage policy that the authority was configured with", () => {
    const configured = authorityAt("https://cycles.example", { terms: { overage_policy: "REJECT" } });
    const plain = { ...grant, request: { ...request, extensions: undefined } };
    const { fallback = "" } = configured.prepare(plain, { kind: "commit", spend }, stamp);
    expect(JSON.parse(fallback)).toMatchObject({ overage_policy: "REJECT" });
  });

  it("marks an estimate as one, on both paths", () => {
    const instruction = authority.prepare(grant, { kind: "commit", spend: { ...spend, basis: "estimate" } }, stamp);
    for (const body of [instruction.body, instruction.fallback ?? ""]) {
      expect(JSON.parse(body)).toMatchObject({ metadata: { "imprest.basis": "estimate" } });
    }
    expect(authority.prepare(grant, { kind: "commit", spend }, stamp).body).not.toContain("metadata");
  });

  it("a release carries its reason, cut to what the wire takes, and has no late path", () => {
    const instruction = authority.prepare(
      grant,
      { kind: "release", reason: { code: "caller", text: "😀".repeat(300) } },
      stamp,
    );
    expect(instruction).toMatchObject({ kind: "release", mode: "release" });
    expect(instruction).not.toHaveProperty("fallback");
    expect(JSON.parse(instruction.body)).toEqual({ idempotency_key: "key-1", reason: "😀".repeat(256) });
  });

  it.each<[string, Partial<Spend>, string]>([
    ["another unit", { amount: tokens(5) }, "/actual/unit"],
    ["a negative amount", { amount: usd("-1") }, "/actual/amount"],
    ["more than int64", { amount: { unit: "USD_MICROCENTS", amount: 2n ** 63n } }, "/actual/amount"],
    ["a metric that is no count", { metrics: { inputTokens: 1.5 } }, "/metrics/tokens_input"],
    ["a long model version", { metrics: { modelVersion: "m".repeat(129) } }, "/metrics/model_version"],
  ])("refuses %s before anything is recorded", (_what, part, pointer) => {
    const preparing = (): unknown => authority.prepare(grant, { kind: "commit", spend: { ...spend, ...part } }, stamp);
    expect(preparing).toThrow(ValidationError);
    expect(preparing).toThrow(pointer);
  });
});

describe("settle", () => {
  it("sends the frozen bytes under the frozen key", async () => {
    for (const [mode, path, answer] of [
      ["commit", "/v1/reservations/rsv_1/commit", { body: committed }],
      ["release", "/v1/reservations/rsv_1/release", { body: { status: "RELEASED", released: money } }],
      ["event", "/v1/events", { status: 201, body: { status: "APPLIED", event_id: "e" } }],
    ] as const) {
      const { stub, instruction } = await settle(answer, mode);
      expect(stub.received).toHaveLength(1);
      expect(stub.received[0]).toMatchObject({ method: "POST", path, body: instruction.body });
      expect(stub.received[0]?.headers["x-idempotency-key"]).toBe("key-1");
    }
  });

  it("states what was charged and given back, with the evidence", async () => {
    const evidence = { evidence_id: "e".repeat(64), cycles_evidence_url: "https://cycles.example/v1/evidence/e" };
    const charged = { unit: "USD_MICROCENTS", amount: 300_000 };
    const { attempt } = await settle({
      body: { status: "COMMITTED", charged, released: money, cycles_evidence: evidence },
    });
    expect(attempt).toEqual({
      settled: {
        status: "committed",
        reservationId: "rsv_1",
        idempotencyKey: "key-1",
        basis: "actual",
        charged: usd("0.003"),
        refunded: usd("0.005"),
        evidence: { id: evidence.evidence_id, url: evidence.cycles_evidence_url },
        requestId: "req_1",
        traceId: "4bf92f3577b34da6a3ce929d0e0e4736",
      },
    });
  });

  it("members added later do not keep a commit from being settled", async () => {
    const balance = { scope: "s", scope_path: "s", remaining: money };
    const { attempt, stub } = await settle({ body: withAdditions({ ...committed, balances: [balance] }) });
    expect(attempt).toMatchObject({ settled: { status: "committed", charged: usd("0.005") } });
    expect(stub.received).toHaveLength(1);
  });

  it("an event is charged in full unless it says otherwise", async () => {
    const applied = { status: "APPLIED", event_id: "evt_1" };
    const full = await settle({ status: 201, body: applied }, "event");
    expect(full.attempt).toMatchObject({ settled: { status: "recorded", charged: usd("0.005"), basis: "actual" } });
    const charged = { unit: "USD_MICROCENTS", amount: 200_000 };
    const capped = await settle({ status: 201, body: { ...applied, charged } }, "event");
    expect(capped.attempt).toMatchObject({ settled: { charged: usd("0.002") } });
  });

  it("a record that was written down and read back settles the same", async () => {
    const stub = await startStub(() => ({ body: { ...committed, charged: { ...money, amount: 1 } } }));
    const authority = authorityAt(stub.url);
    const intent: Intent = { kind: "commit", spend: { ...spend, basis: "estimate" } };
    const instruction = authority.prepare(grant, intent, stamp);
    const restored = JSON.parse(JSON.stringify(instruction)) as SettlementInstruction;
    const first = await authority.settle(instruction);
    expect(await authority.settle(restored)).toEqual(first);
    expect(await authority.settle({ ...restored, spent: { unit: "USD_MICROCENTS", amount: "500000" } })).toEqual(first);
    expect(first).toMatchObject({ settled: { basis: "estimate", charged: { amount: 1n } } });
  });

  const lost: readonly (readonly [string, Answer])[] = [
    ["a reset", (response) => response.destroy()],
    ["silence", () => {}],
    ["500", refusal(500, "INTERNAL_ERROR")],
    ["503 in HTML", { status: 503, text: "<html>" }],
    ["a 503 that names a final code", refusal(503, "NOT_FOUND")],
    ["429", refusal(429, "LIMIT_EXCEEDED")],
    ["401", refusal(401, "UNAUTHORIZED")],
    ["403", refusal(403, "FORBIDDEN")],
    ["an unknown 4xx", refusal(418, "TEAPOT")],
    ["an unknown 409", refusal(409, "NEW_CODE")],
    ["a 404 of a proxy", { status: 404, text: "<html>not here</html>" }],
    ["a redirect", { status: 307, headers: { location: "http://127.0.0.1:1" } }],
    ["an empty success", { text: "" }],
    ["a success of another shape", { body: { status: "COMMITTED" } }],
    ["a success of another operation", { body: { status: "ACTIVE", expires_at_ms: 5 } }],
    ["202", { status: 202, body: committed }],
  ];

  it.each(modes.flatMap((mode) => lost.map(([what, answer]) => [mode, what, answer] as const)))(
    "a %s answered by %s stays open: it is tried again, never given up and never released",
    async (mode, _what, answer) => {
      const { attempt, stub } = await settle(answer, mode);
      expect(attempt).toEqual({ retry: expect.any(Error) as Error });
      expect(stub.received).toHaveLength(1);
    },
  );

  it("Retry-After becomes an absolute not-before by the injected clock", async () => {
    const headers = { "retry-after": "9" };
    for (const answer of [
      { status: 429, headers },
      { status: 503, headers },
    ]) {
      const stub = await startStub(() => answer);
      const authority = authorityAt(stub.url, { clock: createManualClock(50_000) });
      const attempt = await authority.settle(instructionFor(authority, "commit"));
      expect(attempt).toMatchObject({ retry: { status: answer.status }, notBeforeMs: 59_000 });
    }
  });

  it.each(["commit", "event"] as const)("a %s that is refused for good is rejected", async (mode) => {
    for (const [status, code] of [
      [400, "INVALID_REQUEST"],
      [400, "UNIT_MISMATCH"],
      [404, "NOT_FOUND"],
      [409, "BUDGET_EXCEEDED"],
      [409, "BUDGET_FROZEN"],
      [409, "OVERDRAFT_LIMIT_EXCEEDED"],
      [409, "IDEMPOTENCY_MISMATCH"],
      [409, "RESERVATION_FINALIZED"],
      [409, "TENANT_CLOSED"],
    ] as const) {
      const { attempt } = await settle(refusal(status, code), mode);
      expect(attempt).toMatchObject({ rejected: { errorCode: code } });
    }
  });

  it.each([
    ["the code", refusal(410, "RESERVATION_EXPIRED")],
    ["a 410 without a body", { status: 410 }],
    ["a 410 in HTML", { status: 410, text: "<html>gone</html>" }],
  ])("a commit after the expiry (%s) goes on as an event with the same key and spend", async (_what, answer) => {
    const { attempt, instruction } = await settle(answer);
    expect(attempt).toEqual({
      next: {
        protocol: "cycles",
        target: instruction.target,
        reservationId: "rsv_1",
        idempotencyKey: "key-1",
        kind: "commit",
        mode: "event",
        body: instruction.fallback,
        recordedAtMs: 1_000,
        notBeforeMs: 0,
      },
    });
  });

  it("a release after the expiry is a release: the authority gave the budget back by itself", async () => {
    for (const answer of [refusal(410, "RESERVATION_EXPIRED"), { status: 410 }]) {
      const { attempt } = await settle(answer, "release");
      expect(attempt).toMatchObject({ settled: { status: "released", requestId: "req_1" } });
    }
  });

  it("a release of what was settled otherwise is rejected, not called released", async () => {
    for (const code of ["RESERVATION_FINALIZED", "NOT_FOUND"]) {
      const { attempt } = await settle(refusal(code === "NOT_FOUND" ? 404 : 409, code), "release");
      expect(attempt).toMatchObject({ rejected: { errorCode: code } });
    }
  });

  it("a record of a mode that nobody knows is rejected unsent", async () => {
    const stub = await startStub(() => ({ body: committed }));
    const authority = authorityAt(stub.url);
    const attempt = await authority.settle({ ...instructionFor(authority, "commit"), mode: "barter" });
    expect(attempt).toMatchObject({ rejected: { message: expect.stringContaining("barter") as string } });
    expect(stub.received).toEqual([]);
  });

  it("a key that cannot be fetched leaves the settlement open", async () => {
    const authority = new CyclesAuthority({
      baseUrl: "https://cycles.example",
      apiKey: () => Promise.reject(new Error()),
    });
    const attempt = await authority.settle(instructionFor(authority, "commit"));
    expect(attempt).toMatchObject({ retry: { name: "ConfigurationError" } });
  });

  it("rejects only when its own signal aborts", async () => {
    const stub = await startStub(() => () => {});
    const authority = authorityAt(stub.url);
    const caller = new AbortController();
    const instruction = authority.settle(instructionFor(authority, "commit"), { signal: caller.signal });
    caller.abort();
    await expect(instruction).rejects.toMatchObject({ name: "AbortedError" });
  });
});
