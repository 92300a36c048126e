import * as core from "@imprest/core";
import {
  type Amount,
  AuthorityUnreachableError,
  ConfigurationError,
  ConnectionError,
  DeniedError,
  type HttpRequest,
  SettlementError,
  type Transport,
  amount,
  memoryRecordStore,
  settlementQueue,
} from "@imprest/core";
import { createManualClock } from "@imprest/testing";
import { canonicalize, keyPairFromSeed, publicKeyToJwk, sha256Hex } from "@imprest/core/audit";
import { describe, expect, it, vi } from "vitest";
import { createAuditTrust, verifyAuditEvent } from "../src/audit/index.ts";
import {
  ApprovalRequiredError,
  AspAuthority,
  AspClient,
  type AspAuthorityOptions,
  AspDeniedError,
  type AspIncident,
  ExpiredBeyondGraceError,
  OverageRejectedError,
  builtInCaps,
  createBypassRecorder,
  createCapRegistry,
  guard,
  openReservation,
  withReservation,
} from "../src/index.ts";

interface Sent {
  readonly method: string;
  readonly body: Record<string, unknown>;
  readonly text: string;
}

type Answer = { readonly status?: number; readonly body?: object; readonly headers?: Record<string, string> } | Error;

const clock = () => createManualClock(Date.parse("2026-06-01T12:00:00Z"));
const allow = { decision: "ALLOW", reservationId: "rsv_1", ttlExpiresAt: "2026-06-01T12:01:00Z" };
const tokens = (value: number): Amount => amount("output_token", value);
const request = { estimate: tokens(1_000), action: { kind: "llm.completion", name: "m" } };

function stub(
  answers: Readonly<Record<string, Answer | ((sent: Sent, nth: number) => Answer)>>,
  options: AspAuthorityOptions = {},
): { readonly authority: AspAuthority; readonly sent: Sent[]; readonly incidents: AspIncident[] } {
  const sent: Sent[] = [];
  const incidents: AspIncident[] = [];
  const transport: Transport = async ({ url, body = "" }: HttpRequest) => {
    const method = url.split("/").at(-1) ?? "";
    const entry = { method, body: JSON.parse(body) as Record<string, unknown>, text: body };
    sent.push(entry);
    const given = answers[method] ?? new ConnectionError("down");
    const answer =
      typeof given === "function" ? given(entry, sent.filter((other) => other.method === method).length) : given;
    if (answer instanceof Error) throw answer;
    return { status: answer.status ?? 200, headers: answer.headers ?? {}, body: JSON.stringify(answer.body ?? {}) };
  };
  const client = { baseUrl: "https://authority.example", transport, clock: options.clock ?? clock() };
  const onIncident = (incident: AspIncident): void => void incidents.push(incident);
  const authority = new AspAuthority(client, { budget: { budgetId: "team" }, onIncident, ...options });
  return { authority, sent, incidents };
}

function refusal(code: string): Answer {
  return { status: 400, body: { code: "failed_precondition", message: "no" }, headers: { "asp-error-code": code } };
}

describe("AspAuthority", () => {
  it("DENY never starts the body; an unspecified or unknown decision is DENY (asp 6 5)", async () => {
    for (const decision of ["DENY", "DECISION_UNSPECIFIED", "REQUIRE_APPROVAL", 7, undefined]) {
      const { authority, sent } = stub({
        Reserve: { body: { decision, reasonCodes: ["budget_exceeded"], matchedRuleIds: ["r"] } },
      });
      let ran = false;
      const error = await withReservation(authority, request, () => (ran = true)).catch((reason: unknown) => reason);
      expect(AspDeniedError.isInstance(error) && DeniedError.isInstance(error)).toBe(true);
      expect(error).toMatchObject({ reasonCode: "budget_exceeded", matchedRuleIds: ["r"] });
      // asp 6 17: a denial is asked for once.
      expect({ ran, asked: sent.length }).toEqual({ ran: false, asked: 1 });
    }
  });

  it("a denial that waits for a person is its own type (ASP §2)", async () => {
    const { authority } = stub({ Reserve: { body: { decision: "DENY", reasonCodes: ["approval_required"] } } });
    const error = await withReservation(authority, request, () => 1).catch((reason: unknown) => reason);
    expect(ApprovalRequiredError.isInstance(error)).toBe(true);
  });

  it("unreachable is closed; fail-open needs a recorder, and leaves a signed bypassed event", async () => {
    const { authority, sent } = stub({});
    const error = await withReservation(authority, request, () => 1).catch((reason: unknown) => reason);
    expect(AuthorityUnreachableError.isInstance(error)).toBe(true);
    // asp 6 6: the one retry has the same key.
    expect(new Set(sent.map(({ body }) => body["idempotencyKey"])).size).toBe(1);
    const open = { failOpen: { reason: "drill" } };
    await expect(withReservation(authority, request, () => 1, open)).rejects.toThrow("bypass recorder");
    expect(() => guard(authority, request, () => 1, open)).toThrow("bypass recorder");

    // The rule is the authority's, so that core's own helpers are no way around it.
    const never = vi.fn();
    await expect(core.withReservation(authority, request, never, open)).rejects.toThrow(ConfigurationError);
    await expect(core.openReservation(authority, request, open)).rejects.toThrow("bypass recorder");
    expect(() => core.guard(authority, request, never, open)).toThrow("bypass recorder");
    await expect(core.guard(authority, request, never, () => open)()).rejects.toThrow("bypass recorder");
    expect([never.mock.calls.length, sent.length]).toEqual([0, 2]);

    const lines: string[] = [];
    const privateKey = new Uint8Array(32).fill(5);
    const signer = { source: "https://caller.example/agent", typePrefix: "com.caller", kid: "c1", privateKey };
    const bypass = createBypassRecorder({ signer, sink: (line) => void lines.push(line) });
    const bypassing = stub({}, { bypass, clock: clock() });
    const body = (reservation: { spend(total: Amount): void }): string => {
      reservation.spend(tokens(3));
      return "ran";
    };
    expect(await withReservation(bypassing.authority, request, body, open)).toMatchObject({
      value: "ran",
      settlement: { status: "bypassed" },
    });
    await expect.poll(() => lines).toHaveLength(1);
    const jwk = publicKeyToJwk((await keyPairFromSeed(privateKey)).publicKey, "c1");
    const trust = createAuditTrust({
      origins: ["https://caller.example"],
      jwks: { "https://caller.example": { keys: [jwk] } },
    });
    const report = await verifyAuditEvent(lines[0] ?? "", { trust });
    expect(report).toMatchObject({ disposition: "authentic", findings: [] });
    expect(report.event).toMatchObject({
      suffix: "bypassed",
      data: { bypass_reason: "authority_unreachable", reason_codes: ["drill"] },
    });
  });

  it("caps that nobody applies release the reservation and deny", async () => {
    const caps = [{ type: "quantum_limit", params: { value: 1 } }];
    const { authority, sent } = stub({
      Reserve: { body: { ...allow, decision: "ALLOW_WITH_CAPS", caps } },
      Release: {},
    });
    const registry = createCapRegistry(builtInCaps);
    const error = await withReservation(authority, request, () => 1, { honours: registry.honours }).catch(
      (reason: unknown) => reason,
    );
    expect(DeniedError.isInstance(error)).toBe(true);
    await expect.poll(() => sent.map(({ method }) => method)).toEqual(["Reserve", "Release"]);
    expect(sent[1]?.body["reasonCodes"]).toEqual(["cap_unsupported"]);
  });

  it("a cap that does not fit this call is released and denied too", async () => {
    const caps = [{ type: "max_tokens", params: { value: 10 } }];
    const { authority, sent } = stub({
      Reserve: { body: { ...allow, decision: "ALLOW_WITH_CAPS", caps } },
      Release: {},
    });
    const registry = createCapRegistry(builtInCaps);
    const body = (reservation: { readonly caps: Parameters<typeof registry.apply>[0] }): unknown =>
      registry.apply(reservation.caps, { model: "embedding" });
    const options = { honours: registry.honours, unspent: () => true };
    await expect(withReservation(authority, request, body, options)).rejects.toThrow("max_tokens");
    await expect.poll(() => sent.map(({ method }) => method)).toEqual(["Reserve", "Release"]);
  });

  it("an unclear commit is sent again with the same key and the same bytes", async () => {
    const time = clock();
    const lost = (_: Sent, nth: number): Answer =>
      nth < 3 ? new ConnectionError("lost") : { body: { refundAmountAtomic: "990" } };
    const { authority, sent } = stub({ Reserve: { body: allow }, Commit: lost }, { clock: time });
    const settlements: string[] = [];
    const { settlement } = await withReservation(authority, request, (reservation) => reservation.spend(tokens(10)), {
      onSettlement: ({ status }) => settlements.push(status),
    });
    expect(settlement.status).toBe("pending");
    for (let second = 0; second < 30 && settlements.at(-1) !== "committed"; second += 1) {
      await time.advance(1_000);
      // Hashing takes a turn of the platform's own, which no clock moves.
      await new Promise((resolve) => void setTimeout(resolve, 5));
    }
    expect([...new Set(settlements)]).toEqual(["pending", "committed"]);
    const commits = sent.filter(({ method }) => method === "Commit");
    expect(commits).toHaveLength(3);
    expect(new Set(commits.map(({ text }) => text)).size).toBe(1);
  });

  it("a commit is recorded before it is sent, and finished by the next process", async () => {
    const records = memoryRecordStore();
    const time = clock();
    const dying = stub({ Reserve: { body: allow } }, { records, clock: time });
    const { settlement } = await withReservation(dying.authority, request, (reservation) =>
      reservation.spend(tokens(10)),
    );
    expect(settlement.status).toBe("pending");
    await settlementQueue(dying.authority).close({ timeoutMs: 0 });
    const next = stub({ Commit: {} }, { records, clock: time });
    expect(await settlementQueue(next.authority).recover()).toMatchObject({ resumed: 1 });
    await expect.poll(() => settlementQueue(next.authority).pending).toBe(0);
    expect(next.sent[0]?.text).toBe(dying.sent.at(-1)?.text);
  });

  it("warns before the TTL, commits late by the late path, on a clock that no jump moves", async () => {
    const time = clock();
    const { authority, incidents } = stub({ Reserve: { body: allow }, Commit: {} }, { clock: time });
    const reservation = await openReservation(authority, request);
    time.jump(-3_600_000);
    await time.advance(55_001);
    expect(incidents).toMatchObject([{ kind: "expiring", reservationId: "rsv_1", spendHappened: false }]);
    await time.advance(5_000);
    const settlement = await reservation.commit(tokens(10));
    expect(settlement.status).toBe("recorded");
    expect(incidents.at(-1)).toMatchObject({ kind: "late_commit", spendHappened: true });
  });

  it("a lease with too little left is given back and the call not started; a clock that is off is seen", async () => {
    const short = { ...allow, ttlExpiresAt: "2026-06-01T12:00:00.500Z" };
    const { authority, sent } = stub({ Reserve: { body: short }, Release: {} }, { clock: clock() });
    await expect(openReservation(authority, request)).rejects.toMatchObject({ reasonCode: "ttl_too_short" });
    await expect.poll(() => sent.map(({ method }) => method)).toEqual(["Reserve", "Release"]);
    // The authority's clock is an hour ahead of ours: what it says ends in a minute, ends in a minute.
    const ahead = {
      body: { ...allow, ttlExpiresAt: "2026-06-01T13:01:00Z" },
      headers: { date: "Mon, 01 Jun 2026 13:00:00 GMT" },
    };
    const skewed = stub({ Reserve: ahead, Commit: {} }, { clock: clock() });
    const reservation = await openReservation(skewed.authority, request);
    await (skewed.authority.environment.clock as ReturnType<typeof clock>).advance(61_000);
    expect((await reservation.commit(tokens(1))).status).toBe("recorded");
  });

  it.each([
    ["EXPIRED_BEYOND_GRACE", "expired_beyond_grace", ExpiredBeyondGraceError],
    ["OVERAGE_REJECTED", "overage_rejected", OverageRejectedError],
  ] as const)("%s is typed, says that the money is gone, and waits for an operator", async (code, kind, type) => {
    const { authority, incidents } = stub({ Reserve: { body: allow }, Commit: refusal(code) }, { clock: clock() });
    const spend = { spend: () => tokens(10) };
    const { settlement } = await withReservation(authority, request, () => "value", spend);
    expect(settlement.status).toBe("rejected");
    const refused = settlement.error?.cause;
    expect(type.isInstance(refused) && refused.spendHappened).toBe(true);
    expect(incidents).toMatchObject([{ kind, spendHappened: true, amount: tokens(10) }]);
    const letters = [];
    for await (const letter of settlementQueue(authority).deadLetters.list()) letters.push(letter);
    expect(letters).toMatchObject([{ kind: "refused", spent: tokens(10) }]);
    const thrown = await withReservation(authority, request, () => "value", {
      ...spend,
      throwOnRejected: true,
    }).catch((error: unknown) => error);
    expect(SettlementError.isInstance(thrown) && thrown.spendHappened).toBe(true);
  });

  it("ASP §3.1: a charge beyond the reserve surfaces at once", async () => {
    const { authority, incidents } = stub(
      { Reserve: { body: allow }, Commit: { body: { chargeAmountAtomic: "200" } } },
      { clock: clock() },
    );
    const { settlement } = await withReservation(authority, request, () => 1, { spend: () => tokens(1_200) });
    expect(settlement).toMatchObject({ status: "committed", charged: tokens(1_200) });
    expect(incidents).toMatchObject([{ kind: "over_cap", spendHappened: true, amount: tokens(200) }]);
  });

  it("another unit is refused before anything is sent; amounts stay exact to 38 digits", async () => {
    const { authority, sent } = stub({ Reserve: { body: allow }, Commit: {} }, { clock: clock() });
    const large = 10n ** 38n - 1n;
    const { settlement } = await withReservation(
      authority,
      { ...request, estimate: amount("output_token", large) },
      () => 1,
      { spend: () => amount("output_token", large) },
    );
    expect(settlement.charged?.amount).toBe(large);
    expect(
      sent.map(({ body }) => body["amountAtomicObserved"] ?? (body["claim"] as { amountAtomic: string }).amountAtomic),
    ).toEqual(["9".repeat(38), "9".repeat(38)]);
    const beyond = { ...request, estimate: amount("output_token", 10n ** 38n) };
    await expect(openReservation(authority, beyond)).rejects.toThrow("38 digits");
    const reservation = await openReservation(authority, request);
    await expect(reservation.commit(amount("usd_atomic", 1))).rejects.toThrow("usd_atomic");
  });

  it("ASP §3 stage 1: the budget is found by the user's own hook, or named in the request", async () => {
    const budget = ({ action }: { readonly action: { readonly kind: string } }) => ({
      budgetId: `b-${action.kind}`,
      windowInstanceId: "w",
    });
    const { authority, sent } = stub({ Reserve: { body: allow } }, { budget, identity: { team: "t" }, clock: clock() });
    const metadata = { team_id: "t1", prompt: "secret", stream: true, model: { nested: 1 } };
    await openReservation(authority, { ...request, subject: { agent: "a" }, metadata });
    await openReservation(authority, { ...request, extensions: { asp: { budget_id: "own" } } });
    expect(sent[0]?.body).toMatchObject({
      claim: { budgetId: "b-llm.completion", windowInstanceId: "w", direction: "DEBIT" },
      identity: { team: "t", agent: "a" },
    });
    // Only what is allow-listed and scalar leaves.
    expect(sent[0]?.body["runtimeMetadata"]).toEqual({ call_type: "llm.completion", team_id: "t1", stream: true });
    expect(sent[1]?.body).toMatchObject({ claim: { budgetId: "own" } });
    const none = stub({}, { budget: undefined });
    await expect(openReservation(none.authority, request)).rejects.toThrow("budget_id");
  });

  it("a commit carries SHA-256 over its own JCS form; switched off, it does not", async () => {
    const { authority, sent } = stub({ Reserve: { body: allow }, Commit: {} }, { clock: clock() });
    await withReservation(authority, request, () => 1, { spend: () => tokens(7) });
    const { requestBodyHash, ...rest } = sent.at(-1)?.body ?? {};
    const expected = await sha256Hex(new TextEncoder().encode(canonicalize(rest as never)));
    expect(Buffer.from(String(requestBodyHash), "base64").toString("hex")).toBe(expected);
    const plain = stub({ Reserve: { body: allow }, Commit: {} }, { requestBodyHash: false, clock: clock() });
    await withReservation(plain.authority, request, () => 1, { spend: () => tokens(7) });
    expect(plain.sent.at(-1)?.body).not.toHaveProperty("requestBodyHash");
  });

  it("answers that promise a signed event refer to it, by its signature", async () => {
    const auditEventSignature = Buffer.alloc(64, 7).toString("base64");
    const { authority } = stub(
      {
        Reserve: { body: { ...allow, auditEventSignature } },
        Commit: { body: { auditEventSignature } },
        Release: { body: { auditEventSignature } },
      },
      { clock: clock() },
    );
    const evidence: unknown[] = [];
    settlementQueue(authority).observer.on("decision", (event) => evidence.push(event.evidence));
    const { settlement } = await withReservation(authority, request, () => 1, { spend: () => tokens(7) });
    const given = await (await openReservation(authority, request)).release("client timeout");
    const id = Buffer.alloc(64, 7).toString("base64url");
    expect([...evidence, settlement.evidence, given.evidence]).toEqual([{ id }, { id }, { id }, { id }]);
  });

  it("listeners that throw change nothing of what the authority did", async () => {
    const broken = (): never => {
      throw new Error("listener");
    };
    const errors: string[] = [];
    const logger = { debug() {}, info() {}, warn() {}, error: (message: string) => void errors.push(message) };
    const auditEventSignature = Buffer.alloc(64).toString("base64");
    const { authority, sent } = stub(
      { Reserve: { body: { ...allow, auditEventSignature } }, Commit: { body: { chargeAmountAtomic: "1" } } },
      { onIncident: broken, logger, clock: clock() },
    );
    const { settlement } = await withReservation(authority, request, () => 1, { spend: () => tokens(7) });
    expect(settlement.status).toBe("committed");
    expect(sent.map(({ method }) => method)).toEqual(["Reserve", "Commit"]);
    expect(errors).toEqual(["asp: onIncident failed"]);
    const client = new AspClient({ baseUrl: "https://a.example", transport: answering, onPromisedEvent: broken });
    expect(await client.release({ reservationId: "r" })).toMatchObject({ auditEventSignature: new Uint8Array(64) });
    function answering() {
      return Promise.resolve({ status: 200, headers: {}, body: JSON.stringify({ auditEventSignature }) });
    }
  });

  it("a caller who leaves cancels neither the release nor a commit", async () => {
    const { authority, sent } = stub({ Reserve: { body: allow }, Release: {}, Commit: {} }, { clock: clock() });
    const leaving = new AbortController();
    const body = (reservation: { spend(total: Amount): void }): number => {
      reservation.spend(tokens(5));
      leaving.abort();
      return 1;
    };
    const { settlement } = await withReservation(authority, request, body, { signal: leaving.signal });
    expect(settlement.status).toBe("committed");
    expect(sent.map(({ method }) => method)).toEqual(["Reserve", "Commit"]);
  });
});
