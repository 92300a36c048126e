import { describe, expect, it, vi } from "vitest";
import {
  AbortedError,
  AuthorityUnreachableError,
  DeniedError,
  Observer,
  ProtocolError,
  type Settlement,
  deriveIdempotencyKey,
  memoryRecordStore,
  settlementQueue,
  usd,
} from "@imprest/core";
import { createManualClock } from "@imprest/testing";
import {
  BudgetExceededError,
  CyclesAuthority,
  CyclesClient,
  LimitExceededError,
  metadataOf,
  releaseOrphan,
  withReservation,
} from "@imprest/cycles";
import { type Answer, type Received, type StubAuthority, allow, refusal, startStub } from "./support/stub-authority.ts";

// What concerns the whole client, seen from the wire. What concerns one part stands with its tests; docs/cycles.md names
// all of them.

const request = { estimate: usd("0.02"), action: { kind: "llm.completion", name: "gpt" }, subject: { tenant: "acme" } };
const spend = { spend: () => usd("0.01") };

/** A ledger that books what it is sent, and remembers keys as the protocol asks. */
function ledger(
  over: (request: Received, count: number) => Answer | undefined = () => undefined,
): (r: Received, n: number) => Answer {
  const known = new Map<string, Answer>();
  let made = 0;
  return (received, count) => {
    const special = over(received, count);
    if (special !== undefined) return special;
    const { path, json } = received;
    const key = `${path} ${String(json["idempotency_key"])}`;
    const answer = known.get(key) ?? fresh(path, json);
    known.set(key, answer);
    return answer;
  };
  function fresh(path: string, json: Record<string, unknown>): Answer {
    if (path.endsWith("/commit")) return { body: { status: "COMMITTED", charged: json["actual"] } };
    if (path.endsWith("/release"))
      return { body: { status: "RELEASED", released: json["estimate"] ?? allow.reserved } };
    if (path.endsWith("/extend")) return { body: { status: "ACTIVE", expires_at_ms: 1_900_000_000_000 } };
    made += 1;
    return { body: { ...allow, reservation_id: `rsv_${made}`, reserved: json["estimate"] } };
  }
}

const clientAt = (stub: StubAuthority): CyclesClient => new CyclesClient({ baseUrl: stub.url, apiKey: "test-key" });
const paths = (stub: StubAuthority): string[] =>
  stub.received.map(({ path }) => path.replace("/v1/reservations", "") || "reserve");

describe("what the reference client gets wrong", () => {
  it("a server that does not say what remains of a lease gets no extension of a short call", async () => {
    const { remaining_ttl_ms: _, ...fieldless } = allow;
    const stub = await startStub(ledger(({ path }) => (path === "/v1/reservations" ? { body: fieldless } : undefined)));
    const client = clientAt(stub);
    for (let call = 0; call < 10; call += 1) await withReservation(client, request, () => "done", spend);
    expect(paths(stub).filter((path) => path.endsWith("/extend"))).toEqual([]);
    expect(stub.received).toHaveLength(20);
  });

  it("a reserve that is limited says when to come back, and Retry-After: 0 means now", async () => {
    const stub = await startStub(() => ({ ...refusal(429, "LIMIT_EXCEEDED"), headers: { "retry-after": "0" } }));
    const error: unknown = await withReservation(clientAt(stub), request, () => "never", spend).catch(
      (thrown: unknown) => thrown,
    );
    expect(error).toBeInstanceOf(LimitExceededError);
    expect(error).toMatchObject({ retryAfterMs: 0, retryable: true });
  });

  it("an ambiguous create is asked once more under its key; the error carries it, and the orphan can be found", async () => {
    let isLost = true;
    const stub = await startStub(
      ledger(({ method, path, json }) => {
        if (method === "GET") {
          const row = {
            ...allow,
            status: "ACTIVE",
            subject: request.subject,
            action: request.action,
            created_at_ms: 1,
            scope_path: "tenant:acme",
          };
          return {
            body: {
              reservations: [
                { ...row, idempotency_key: new URL(path, "http://h").searchParams.get("idempotency_key") },
              ],
            },
          };
        }
        return isLost && "estimate" in json ? (response) => response.destroy() : undefined;
      }),
    );
    const client = clientAt(stub);
    const error: unknown = await withReservation(client, request, () => "never", spend).catch(
      (thrown: unknown) => thrown,
    );
    if (!(error instanceof AuthorityUnreachableError)) throw new Error("another error", { cause: error });
    expect(stub.received.map(({ json }) => json["idempotency_key"])).toEqual([
      error.idempotencyKey,
      error.idempotencyKey,
    ]);
    isLost = false;
    const { released } = await releaseOrphan(client, error.idempotencyKey);
    expect(released.map(({ reservation_id: id }) => id)).toEqual(["rsv_1"]);
  });

  it("a signal reaches the body, ends every wait, and what was reserved is given back", async () => {
    const stub = await startStub(ledger());
    const client = clientAt(stub);
    const controller = new AbortController();
    const aborted = withReservation(
      client,
      request,
      ({ signal }) => {
        controller.abort(new Error("the user left"));
        expect(signal.aborted).toBe(true);
        throw signal.reason;
      },
      { signal: controller.signal, unspent: () => true, ...spend },
    );
    await expect(aborted).rejects.toThrow("the user left");
    await settlementQueue(client).flush({ timeoutMs: 2_000 });
    expect(paths(stub)).toEqual(["reserve", "/rsv_1/release"]);
    await expect(client.decide(request, { signal: AbortSignal.abort() })).rejects.toBeInstanceOf(AbortedError);
  });

  it("a redelivered job under its own key is one reserve and one charge", async () => {
    const stub = await startStub(ledger());
    const idempotencyKey = await deriveIdempotencyKey("job", { id: 17n, step: "draft" });
    const run = (): Promise<{ settlement: Settlement }> =>
      withReservation(new CyclesClient({ baseUrl: stub.url, apiKey: "test-key" }), request, () => "done", {
        idempotencyKey,
        ...spend,
      });
    const [first, second] = [await run(), await run()];
    expect(first.settlement.reservationId).toBe(second.settlement.reservationId);
    expect(new Set(stub.received.map(({ path, json }) => `${path} ${String(json["idempotency_key"])}`)).size).toBe(2);
    const bodies = stub.received.map(({ path, body }) => `${path} ${body}`);
    expect(bodies.slice(0, 2)).toEqual(bodies.slice(2));
  });

  it("a finished call leaves nothing behind: no task, no record, no timer", async () => {
    const stub = await startStub(ledger());
    const clock = createManualClock();
    const records = memoryRecordStore();
    const authority = new CyclesAuthority({ baseUrl: stub.url, apiKey: "test-key" }, { clock, records });
    for (let call = 0; call < 50; call += 1) await withReservation(authority, request, () => "done", spend);
    const queue = settlementQueue(authority);
    await queue.flush({ timeoutMs: 0 });
    expect(queue.pending).toBe(0);
    expect(clock.timers).toBe(0);
    for await (const { key } of records.scan("")) throw new Error(`${key} was left behind`);
  });

  it("a nested guard can count within its parent instead of twice", async () => {
    const stub = await startStub(ledger());
    const client = clientAt(stub);
    const { settlement } = await withReservation(client, request, async (parent) => {
      const child = { ...request, estimate: usd("0.005") };
      await withReservation(client, child, () => "tool", { parent, nest: "within", spend: () => usd("0.004") });
      parent.spend(usd("0.006"));
      return "answer";
    });
    expect(settlement.charged).toEqual(usd("0.010"));
    expect(paths(stub)).toEqual(["reserve", "/rsv_1/commit"]);
  });
});

describe("what the client has beyond it", () => {
  it("what became of a settlement reaches the caller: charged, capped, debt, ids, key", async () => {
    const capped = { unit: "USD_MICROCENTS", amount: 600_000 };
    const evidence = { evidence_id: "a".repeat(64), cycles_evidence_url: "https://cycles.example/v1/evidence/a" };
    const owed = (amount: number, scope: string): object => ({
      scope,
      scope_path: scope,
      remaining: { unit: "USD_MICROCENTS", amount: -amount },
      debt: { unit: "USD_MICROCENTS", amount },
    });
    const balances = [owed(0, "tenant:acme"), owed(7, "tenant:acme/app:a"), owed(5, "tenant:acme/app:a/agent:b")];
    const stub = await startStub(
      ledger(({ path }) =>
        path.endsWith("/commit")
          ? { body: { status: "COMMITTED", charged: capped, cycles_evidence: evidence, balances } }
          : undefined,
      ),
    );
    const { settlement } = await withReservation(clientAt(stub), request, () => "done", spend);
    expect(settlement).toMatchObject({
      status: "committed",
      basis: "actual",
      reservationId: "rsv_1",
      charged: usd("0.006"),
      uncovered: usd("0.004"),
      debt: { unit: "USD_MICROCENTS", amount: 7n },
      evidence: { id: "a".repeat(64) },
      requestId: "req_1",
      traceId: "4bf92f3577b34da6a3ce929d0e0e4736",
      idempotencyKey: stub.received[1]?.json["idempotency_key"],
    });
  });

  it("one trace goes through reserve and settlement, and every answer names its request and trace", async () => {
    const stub = await startStub(ledger());
    const traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    await withReservation(clientAt(stub), request, () => "done", { traceparent, ...spend });
    const failing = async () => Promise.reject(new Error("no provider"));
    await withReservation(clientAt(stub), request, failing, { traceparent, unspent: () => true }).catch(() => {});
    await vi.waitFor(() => expect(stub.received).toHaveLength(4));
    expect(stub.received.map(({ headers }) => headers["traceparent"])).toEqual(Array(4).fill(traceparent));
    const answer = await clientAt(stub).createReservation({ ...request, action: { kind: "k", name: "n" } });
    expect(metadataOf(answer)).toMatchObject({
      status: 200,
      requestId: "req_1",
      traceId: expect.stringMatching(/^[0-9a-f]{32}$/) as string,
    });
  });

  it("a refusal is one class per code, known by instanceof and by its brand across copies", async () => {
    const stub = await startStub(() =>
      refusal(409, "BUDGET_EXCEEDED", { details: { deny_detail: { reason_code: "BUDGET_EXCEEDED" } } }),
    );
    const error: unknown = await clientAt(stub)
      .createReservation({ ...request, action: { kind: "k", name: "n" } })
      .catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(BudgetExceededError);
    expect(ProtocolError.isInstance(error)).toBe(true);
    expect((error as BudgetExceededError).denyDetail?.reason_code).toBe("BUDGET_EXCEEDED");
  });

  it("an authority out of reach stops the call, or lets it run with a mark in the books; a No is a No", async () => {
    const stub = await startStub(() => (response) => response.destroy());
    const authority = new CyclesAuthority({ baseUrl: stub.url, apiKey: "test-key" });
    await expect(withReservation(authority, request, () => "never", spend)).rejects.toBeInstanceOf(
      AuthorityUnreachableError,
    );
    const { settlement } = await withReservation(authority, request, () => "ran", {
      failOpen: { reason: "checkout" },
      ...spend,
    });
    expect(settlement.status).toBe("bypassed");
    const letters = [];
    for await (const letter of settlementQueue(authority).deadLetters.list()) letters.push(letter);
    expect(letters).toMatchObject([{ kind: "bypass", reason: "checkout", spent: usd("0.01") }]);

    const denying = await startStub(() => refusal(409, "BUDGET_EXCEEDED"));
    const denied = withReservation(clientAt(denying), request, () => "never", {
      failOpen: { reason: "checkout" },
      ...spend,
    });
    await expect(denied).rejects.toBeInstanceOf(DeniedError);
  });

  it("nothing is printed; listeners get decision and settlement", async () => {
    const printing = (["debug", "log", "info", "warn", "error"] as const).map((name) => vi.spyOn(console, name));
    const stub = await startStub(ledger());
    const observer = new Observer();
    const told: string[] = [];
    observer.on("decision", ({ decision }) => told.push(decision));
    observer.on("settlement", ({ settlement }) => told.push(settlement.status));
    const authority = new CyclesAuthority({ baseUrl: stub.url, apiKey: "test-key" }, { observer });
    await withReservation(authority, request, () => "done", spend);
    expect(told).toEqual(["ALLOW", "committed"]);
    for (const spied of printing) {
      expect(spied).not.toHaveBeenCalled();
      spied.mockRestore();
    }
  });

  it("a unit that the budget does not have is explained, and which would do", async () => {
    const details = { scope: "tenant:acme", requested_unit: "TOKENS", expected_units: ["USD_MICROCENTS"] };
    const stub = await startStub(() => refusal(400, "UNIT_MISMATCH", { details }));
    const error: unknown = await withReservation(clientAt(stub), request, () => "never", spend).catch(
      (thrown: unknown) => thrown,
    );
    expect(error).toMatchObject({
      errorCode: "UNIT_MISMATCH",
      scope: "tenant:acme",
      requestedUnit: "TOKENS",
      expectedUnits: ["USD_MICROCENTS"],
    });
  });
});
