import { Code, ConnectError, type Interceptor, createClient } from "@connectrpc/connect";
import { type ConnectTransportOptions, compressionGzip, createConnectTransport } from "@connectrpc/connect-node";
import { createFetchTransport } from "@imprest/core";
import { serve } from "@imprest/embedded/node";
import { describe, expect, it, onTestFinished } from "vitest";
import { AspClient, AspError, ReplayConflictError } from "../src/index.ts";
import { budgetId, openHouse, unit } from "./embedded/support.ts";
import { aspService, startConnectServer } from "./support/connect-authority.ts";

type Answer = Promise<Record<string, unknown>>;

/** What protobuf-es makes of the file's service; its types would need generated code. */
interface StockClient {
  reserve(request: object): Answer;
  commit(request: object): Answer;
  release(request: object): Answer;
}

const claim = { budgetId: "team", windowInstanceId: "2026-11", unit: "output_token", amountAtomic: 10n ** 37n };

describe("against a stock Connect server over the shipped .proto", () => {
  it("every field of every verb arrives and comes back", async () => {
    const seen: Record<string, Record<string, unknown>> = {};
    const keep = (name: string, answer: Record<string, unknown>) => (request: Record<string, unknown>) => {
      seen[name] = request;
      return answer;
    };
    const signature = Uint8Array.from({ length: 64 }, (_, at) => at);
    const baseUrl = await startConnectServer({
      reserve: keep("reserve", {
        decision: 3,
        reservationId: "rsv_1",
        ttlExpiresAt: { seconds: 1_800_000_000n, nanos: 123_456_789 },
        reasonCodes: ["degrade"],
        matchedRuleIds: ["r1"],
        caps: [{ type: "max_tokens", params: { value: 256 } }],
        auditEventSignature: signature,
      }),
      commit: keep("commit", { refundAmountAtomic: "913", auditEventSignature: signature }),
      release: keep("release", { auditEventSignature: signature }),
      queryBudget: keep("queryBudget", {
        allocatedAtomic: "10",
        availableAtomic: "0",
        asOf: { seconds: 0n, nanos: 0 },
      }),
      refund: keep("refund", { refundedAmountAtomic: "5", originalCommitEventId: "e1" }),
    });
    const promised: unknown[] = [];
    const client = new AspClient({
      baseUrl,
      experimental: { refund: true },
      onPromisedEvent: (event) => promised.push(event),
    });

    const reserved = await client.reserve({
      claim,
      identity: { agent: "a", nested: { list: [1, "two", null, true] } },
      runtimeMetadata: { model: "m", big: 2n ** 70n },
      idempotencyKey: "k1",
    });
    expect(reserved).toEqual({
      decision: "ALLOW_WITH_CAPS",
      reservationId: "rsv_1",
      ttlExpiresAt: "2027-01-15T08:00:00.123456789Z",
      reasonCodes: ["degrade"],
      matchedRuleIds: ["r1"],
      caps: [{ type: "max_tokens", params: { value: 256 } }],
      auditEventSignature: signature,
    });
    expect(seen["reserve"]).toMatchObject({
      claim: { budgetId: "team", windowInstanceId: "2026-11", unit: "output_token", amountAtomic: "1".padEnd(38, "0") },
      identity: { agent: "a", nested: { list: [1, "two", null, true] } },
      runtimeMetadata: { model: "m", big: "1180591620717411303424" },
      idempotencyKey: "k1",
    });
    expect(seen["reserve"]).toMatchObject({ claim: { direction: 1 } });

    const facts = { model_version: "v", input_tokens: 3 };
    const request = { reservationId: "rsv_1", amountAtomicObserved: 87n, providerResponseFacts: facts };
    expect(await client.commit({ ...request, idempotencyKey: "k1" })).toEqual({
      refundAmountAtomic: 913n,
      auditEventSignature: signature,
    });
    expect(seen["commit"]).toMatchObject({ amountAtomicObserved: "87", providerResponseFacts: facts });
    expect(seen["commit"]?.["requestBodyHash"]).toHaveLength(32);

    const reasonCodes = ["provider_error"];
    expect(await client.release({ reservationId: "rsv_1", reasonCodes, idempotencyKey: "k2" })).toEqual({
      auditEventSignature: signature,
    });
    expect(seen["release"]).toMatchObject({ reservationId: "rsv_1", reasonCodes, idempotencyKey: "k2" });

    expect(await client.queryBudget({ budgetId: "team", unit: "output_token" })).toEqual({
      allocatedAtomic: 10n,
      availableAtomic: 0n,
      asOf: "1970-01-01T00:00:00Z",
    });
    expect(await client.refund({ reservationId: "rsv_1", amountAtomic: 5n, idempotencyKey: "k3" })).toEqual({
      refundedAmountAtomic: 5n,
      originalCommitEventId: "e1",
    });
    expect(promised).toHaveLength(3);
  });

  it("a refusal's code comes out of the error's metadata; its class out of Connect's code", async () => {
    const refuse = (code: Code, header?: string) => () => {
      throw new ConnectError("REPLAY_CONFLICT, says the text", code, header ? { "asp-error-code": header } : {});
    };
    const baseUrl = await startConnectServer({
      commit: refuse(Code.FailedPrecondition, "REPLAY_CONFLICT"),
      release: refuse(Code.Unavailable),
      queryBudget: refuse(Code.NotFound),
    });
    const client = new AspClient({ baseUrl });
    const commit = await client
      .commit({ reservationId: "r", amountAtomicObserved: 1n })
      .catch((error: unknown) => error);
    expect(ReplayConflictError.isInstance(commit)).toBe(true);
    expect(commit).toMatchObject({
      status: 400,
      errorCode: "REPLAY_CONFLICT",
      connectCode: "failed_precondition",
      spendHappened: true,
      retryable: false,
    });
    const release = await client.release({ reservationId: "r" }).catch((error: unknown) => error);
    expect(AspError.isInstance(release) && release.retryable).toBe(true);
    expect(release).toMatchObject({ status: 503, errorCode: "unavailable", spendHappened: false });
    const query = await client.queryBudget({ budgetId: "b", unit: "u" }).catch((error: unknown) => error);
    expect(query).toMatchObject({ errorCode: "not_found", retryable: false });
  });

  it("below a path, with a trailing slash, and where the server compresses what it answers", async () => {
    const reasonCodes = Array.from({ length: 500 }, (_, at) => `reason_${at}`);
    const baseUrl = await startConnectServer({ reserve: () => ({ decision: 2, reasonCodes }) }, "/tenants/acme");
    // `fetch` asks for gzip and br by itself, and the server then compresses; our pool asks for neither.
    let compressed: string | null = null;
    const seeing = createFetchTransport(async (...args) => {
      const response = await fetch(...args);
      compressed = response.headers.get("content-encoding");
      return response;
    });
    for (const transport of [undefined, seeing]) {
      const client = new AspClient({ baseUrl: `${baseUrl}/`, transport });
      expect(await client.reserve({ claim })).toMatchObject({ decision: "DENY", reasonCodes });
    }
    expect(compressed).toMatch(/^(gzip|br)$/);
  });

  it("a verb that the server does not have is refused as unimplemented", async () => {
    const baseUrl = await startConnectServer({});
    const error = await new AspClient({ baseUrl }).reserve({ claim }).catch((reason: unknown) => reason);
    expect(error).toMatchObject({ connectCode: "unimplemented" });
  });
});

describe("a stock Connect client against the embedded authority", () => {
  it("reserves, reads a refusal's class, code and detail, and is refused where it compresses", async () => {
    const { embedded, apiKey } = await openHouse();
    const server = await serve(embedded, { port: 0 });
    onTestFinished(() => server.close());
    const authorise: Interceptor = (next) => (request) => {
      request.header.set("authorization", `Bearer ${apiKey}`);
      return next(request);
    };
    const connect = (more: Partial<ConnectTransportOptions> = {}): StockClient => {
      const interceptors = [authorise];
      const transport = createConnectTransport({
        baseUrl: server.url,
        httpVersion: "1.1",
        useBinaryFormat: false,
        interceptors,
        ...more,
      } as ConnectTransportOptions);
      return createClient(aspService(), transport) as unknown as StockClient;
    };
    const client = connect();
    const debit = { budgetId, unit, amountAtomic: "5", direction: 1 };
    const reserved = await client.reserve({ claim: debit, idempotencyKey: "k", identity: { agent: "a" } });
    expect(reserved).toMatchObject({ decision: 1, reservationId: expect.stringMatching(/^rsv_/) });
    expect(reserved["auditEventSignature"]).toHaveLength(64);
    const { reservationId } = reserved;
    await client.commit({ reservationId, amountAtomicObserved: "3", idempotencyKey: "c" });

    const refused = await client
      .commit({ reservationId, amountAtomicObserved: "3", idempotencyKey: "d" })
      .catch((error: unknown) => error);
    if (!(refused instanceof ConnectError)) throw new Error("not refused");
    expect(refused.code).toBe(Code.FailedPrecondition);
    expect(refused.metadata.get("asp-error-code")).toBe("RESERVATION_SETTLED");
    expect(refused.details).toMatchObject([{ type: "google.rpc.ErrorInfo" }]);

    const compressing = connect({ sendCompression: compressionGzip, compressMinBytes: 0 });
    const error = await compressing.release({ reservationId, idempotencyKey: "r" }).catch((reason: unknown) => reason);
    expect(error).toMatchObject({ code: Code.Unimplemented });
  });
});
