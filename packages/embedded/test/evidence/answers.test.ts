import { usdMicrocents } from "@imprest/core";
import { errorResponse, reservationCreateResponse } from "@imprest/core/models/cycles";
import { beforeEach, describe, expect, it } from "vitest";
import { type Answer, MapStore } from "../support.ts";
import { SigningWorld, action, attestedPartOf, authentic, estimate, referenceOf, subject } from "./support.ts";

const withoutEvidence = (answer: Answer): void => expect(answer.body).not.toHaveProperty("cycles_evidence");
const unknownId = "0".repeat(64);
let world: SigningWorld;

beforeEach(async () => {
  world = await new SigningWorld().open();
});

describe("every answer that evidence can state refers to an envelope that is authentic and says the same", () => {
  it("decide, allowed and denied", async () => {
    const request = { idempotency_key: "d", subject, action, estimate, metadata: { run: "r1" } };
    const traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    const allowed = await world.acme.post("/v1/decide", request, { traceparent });
    expect(await world.verify(referenceOf(allowed))).toMatchObject({
      ...authentic,
      envelope: {
        artifact_type: "decide",
        issued_at_ms: world.clock.now(),
        trace_id: "0af7651916cd43dd8448eb211c80319c",
        payload: { decide: { request: { ...request, estimate: { unit: "TOKENS", amount: 100n } } } },
      },
    });
    const large = { ...request, idempotency_key: "d2", estimate: { unit: "TOKENS", amount: 5_000 } };
    const denied = await world.acme.post("/v1/decide", large);
    expect(await world.verify(referenceOf(denied))).toMatchObject({
      ...authentic,
      envelope: { payload: { decide: { response: { decision: "DENY", reason_code: "BUDGET_EXCEEDED" } } } },
    });
  });

  it("a request with nulls, attested without them", async () => {
    const reserved = await world.reserve({ ttl_ms: null, action: { ...action, tags: null } });
    const report = await world.verify(referenceOf(reserved));
    expect(report).toMatchObject(authentic);
    expect(report.envelope?.payload.reserve?.request).toStrictEqual({
      idempotency_key: expect.any(String) as string,
      subject,
      action,
      estimate: { unit: "TOKENS", amount: 100n },
    });
    const { evidence_id: id } = referenceOf(reserved);
    const { body: envelope } = await world.acme.get(`/v1/evidence/${id}`);
    expect(JSON.stringify(envelope)).not.toContain("null");
  });

  it("reserve, without what is left of the lease", async () => {
    const reserved = await world.reserve({ ttl_ms: 30_000 });
    expect(reservationCreateResponse.safeParse(reserved.body).success).toBe(true);
    const report = await world.verify(referenceOf(reserved));
    expect(report).toMatchObject(authentic);
    expect(report.envelope?.payload.reserve?.response).toMatchObject({
      decision: "ALLOW",
      reservation_id: reserved.body["reservation_id"],
      expires_at_ms: reserved.body["expires_at_ms"],
    });
    expect(report.envelope?.payload.reserve?.response).not.toHaveProperty("remaining_ttl_ms");
    expect(report.envelope?.payload.reserve?.response).not.toHaveProperty("cycles_evidence");
  });

  it("the operator's caps", async () => {
    const capped = await new SigningWorld({ policy: [{ caps: { max_tokens: 5 } }] }).open();
    expect(await capped.verify(referenceOf(await capped.reserve()))).toMatchObject({
      ...authentic,
      envelope: { payload: { reserve: { response: { decision: "ALLOW_WITH_CAPS", caps: { max_tokens: 5 } } } } },
    });
  });

  it("a dry run, which may say DENY and names no reservation", async () => {
    const dry = await world.reserve({ dry_run: true, estimate: { unit: "TOKENS", amount: 5_000 } });
    const report = await world.verify(referenceOf(dry));
    expect(report).toMatchObject({ ...authentic, envelope: { artifact_type: "reserve" } });
    const { request, response } = report.envelope?.payload.reserve ?? {};
    expect([request?.dry_run, response?.decision, response?.reservation_id]).toEqual([true, "DENY", undefined]);
  });

  it("commit and release, bound to their reservation", async () => {
    const first = await world.reserve();
    const metrics = { tokens_input: 3, custom: { cached: true } };
    const committed = await world.settle(first, "commit", { metrics, metadata: { note: "late" } });
    expect(await world.verify(referenceOf(committed))).toMatchObject({
      ...authentic,
      envelope: {
        payload: {
          commit: {
            reservation_id: first.body["reservation_id"],
            request: { metrics, metadata: { note: "late" } },
            response: { status: "COMMITTED", charged: { amount: 60n }, released: { amount: 40n } },
          },
        },
      },
    });
    const second = await world.reserve();
    const released = await world.settle(second, "release", { reason: "not needed" });
    expect(await world.verify(referenceOf(released))).toMatchObject({
      ...authentic,
      envelope: {
        payload: { release: { reservation_id: second.body["reservation_id"], request: { reason: "not needed" } } },
      },
    });
  });

  it("a live denial is an error artifact with the status and the request", async () => {
    const denied = await world.reserve({ estimate: { unit: "TOKENS", amount: 5_000 } });
    expect(denied.status).toBe(409);
    expect(errorResponse.safeParse(denied.body).success).toBe(true);
    const report = await world.verify(referenceOf(denied));
    expect(report).toMatchObject({
      ...authentic,
      envelope: {
        artifact_type: "error",
        trace_id: denied.body["trace_id"],
        payload: {
          error: { endpoint: "POST /v1/reservations", http_status: 409, request: { estimate: { amount: 5_000n } } },
        },
      },
    });
    expect(report.envelope?.payload.error?.response).toEqual(attestedPartOf(denied));
    expect(report.envelope?.payload.error).not.toHaveProperty("reservation_id");
  });

  it("a refused settlement names its reservation", async () => {
    const reserved = await world.reserve({ ttl_ms: 1_000, grace_period_ms: 0 });
    world.clock.advance(5_000);
    const late = await world.settle(reserved, "commit");
    expect(late.status).toBe(410);
    expect(await world.verify(referenceOf(late))).toMatchObject({
      ...authentic,
      envelope: {
        payload: {
          error: {
            endpoint: "POST /v1/reservations/{reservation_id}/commit",
            http_status: 410,
            reservation_id: reserved.body["reservation_id"],
          },
        },
      },
    });
    const nothing = await world.acme.post("/v1/reservations/rsv_unknown/release", { idempotency_key: "r" });
    expect(await world.verify(referenceOf(nothing))).toMatchObject({
      ...authentic,
      envelope: { payload: { error: { http_status: 404, reservation_id: "rsv_unknown" } } },
    });
  });
});

describe("answers without evidence", () => {
  it("events, extensions, reads, and whatever was refused before anything was decided", async () => {
    const reserved = await world.reserve();
    const path = `/v1/reservations/${String(reserved.body["reservation_id"])}`;
    const event = { idempotency_key: "e", subject, action, actual: { unit: "TOKENS", amount: 1 } };
    withoutEvidence(await world.acme.post("/v1/events", event));
    withoutEvidence(await world.acme.post("/v1/events", { ...event, idempotency_key: "e2", actual: { unit: "X" } }));
    withoutEvidence(await world.acme.post(`${path}/extend`, { idempotency_key: "x", extend_by_ms: 1_000 }));
    withoutEvidence(await world.acme.post("/v1/reservations/none/extend", { idempotency_key: "x", extend_by_ms: 1 }));
    withoutEvidence(await world.acme.get("/v1/balances?tenant=acme"));
    withoutEvidence(await world.reserve({ ttl_ms: 1 }));
    withoutEvidence(await world.reserve({ subject: { tenant: "other" } }));
    withoutEvidence(await world.reserve({}, { "X-Cycles-API-Key": "unknown" }));
    withoutEvidence(await world.acme.send("POST", "/v1/decide", "{"));
  });

  it("amounts beyond 2^53, which canonical JSON would change: the answer is right and the log says why", async () => {
    const warnings: unknown[] = [];
    const nothing = (): void => {};
    const logger = {
      debug: nothing,
      info: nothing,
      error: nothing,
      warn: (_: string, fields?: object) => void warnings.push(fields),
    };
    const large = new SigningWorld({ logger });
    await large.open();
    await large.authority.budgets.create({ scope: { tenant: "acme" }, allocated: usdMicrocents(2n ** 62n) });
    const exactly = (amount: bigint): Promise<Answer> =>
      large.reserve({ estimate: { unit: "USD_MICROCENTS", amount } });
    expect(await large.verify(referenceOf(await exactly(2n ** 53n - 1n)))).toMatchObject(authentic);
    for (const amount of [2n ** 53n, 2n ** 53n + 1n, 2n ** 61n]) {
      const reserved = await exactly(amount);
      expect(reserved.status).toBe(200);
      expect(BigInt((reserved.body["reserved"] as { amount: number }).amount)).toBe(amount);
      withoutEvidence(reserved);
    }
    const denied = await exactly(2n ** 62n);
    expect(denied.status).toBe(409);
    withoutEvidence(denied);
    const reason = expect.stringContaining("evidence statement") as string;
    expect(warnings).toEqual(Array.from({ length: 4 }, () => expect.objectContaining({ reason }) as object));
    expect(await large.verify(referenceOf(await large.reserve()))).toMatchObject(authentic);
  });

  it.each([
    ["half a surrogate pair", '{"a":"\\ud800"}', false],
    ["an integer that a double changes", '{"a":9007199254740993}', false],
    ["sixty levels, which are too many inside an envelope", `{"a":${"[".repeat(60)}${"]".repeat(60)}}`, false],
    ["fifty levels", `{"a":${"[".repeat(50)}${"]".repeat(50)}}`, true],
    ["a member called __proto__", '{"__proto__":{"a":1}}', true],
    ["minus zero and a fraction", '{"a":-0,"b":1e-7}', true],
  ])("metadata with %s: the answer is right, and its evidence is authentic or left out", async (_, text, stated) => {
    const request = JSON.stringify({ idempotency_key: "m", subject, action, estimate, metadata: "?" });
    const answer = await world.acme.send("POST", "/v1/reservations", request.replace('"?"', text));
    expect(answer.status).toBe(200);
    if (stated) expect(await world.verify(referenceOf(answer))).toMatchObject(authentic);
    else withoutEvidence(answer);
  });

  it("a live 200 DENY of the operator's policy, which no artifact type can state", async () => {
    const strict = await new SigningWorld({ policy: [{ deny: { reasonCode: "NIGHT" } }] }).open();
    const denied = await strict.reserve();
    expect(denied.body).toMatchObject({ decision: "DENY", reason_code: "NIGHT" });
    withoutEvidence(denied);
    expect(await strict.verify(referenceOf(await strict.reserve({ dry_run: true })))).toMatchObject(authentic);
  });

  it("an authority without the option evidence, which publishes nothing either", async () => {
    const silent = await new SigningWorld({ evidence: undefined }).open();
    withoutEvidence(await silent.reserve());
    expect(await silent.acme.get("/v1/.well-known/cycles-jwks.json")).toMatchObject({ status: 404 });
    expect(await silent.acme.get(`/v1/evidence/${unknownId}`)).toMatchObject({ status: 404 });
    expect(silent.authority.evidence).toBeUndefined();
  });
});

describe("what is durable", () => {
  it("no reference leaves before its envelope is, and none when it will not be", async () => {
    const store = new MapStore();
    const kept = await new SigningWorld({ store }).open();
    const assertKept = (answer: Answer): void => {
      expect([...store.disk.keys()]).toContain(`evidence/${referenceOf(answer).evidence_id}`);
    };
    const reserved = await kept.reserve();
    assertKept(reserved);
    assertKept(await kept.settle(reserved, "commit"));
    assertKept(await kept.settle(reserved, "release"));
    store.failing = true;
    const lost = await kept.settle(reserved, "release", { reason: "refused: it is committed" });
    expect(lost).toMatchObject({ status: 500, body: { error: "INTERNAL_ERROR" } });
    withoutEvidence(lost);
  });
});

describe("replays", () => {
  it("refer to the envelope of the first answer, also when both are asked at once", async () => {
    const same = { idempotency_key: "same", ttl_ms: 30_000 };
    const answers = await Promise.all([world.reserve(same), world.reserve(same), world.reserve(same)]);
    world.clock.advance(5_000);
    answers.push(await world.reserve(same));
    expect(new Set(answers.map((answer) => referenceOf(answer).evidence_id)).size).toBe(1);
    const [first] = answers;
    if (first === undefined) throw new Error("unreachable");
    const commits = [await world.settle(first, "commit"), await world.settle(first, "commit")];
    expect(commits[1]?.body).toEqual(commits[0]?.body);
    const decide = { idempotency_key: "d", subject, action, estimate };
    const decided = await world.acme.post("/v1/decide", decide);
    expect((await world.acme.post("/v1/decide", decide)).body).toEqual(decided.body);
    const dry = await world.reserve({ idempotency_key: "dry", dry_run: true });
    expect((await world.reserve({ idempotency_key: "dry", dry_run: true })).body).toEqual(dry.body);
  });

  it("tenants never share an envelope, even where they say the same", async () => {
    const request = { idempotency_key: "d", subject: { agent: "bot" }, action, estimate };
    const mine = await world.acme.post("/v1/decide", request);
    const { key } = await world.authority.apiKeys.create({ tenant: "other" });
    const theirs = await world.acme.post("/v1/decide", request, { "X-Cycles-API-Key": key });
    expect(attestedPartOf(theirs)).toEqual(attestedPartOf(mine));
    expect(referenceOf(theirs).evidence_id).not.toBe(referenceOf(mine).evidence_id);
  });
});

describe("the envelopes of a reservation", () => {
  it("are returned with its detail, and by a list that is asked for them", async () => {
    const reserved = await world.reserve();
    const reserve = referenceOf(reserved);
    const commit = referenceOf(await world.settle(reserved, "commit"));
    const detail = await world.acme.get(`/v1/reservations/${String(reserved.body["reservation_id"])}`);
    expect(detail.body["evidence"]).toEqual({ reserve, commit });
    const [row] = (await world.acme.get("/v1/reservations?include=evidence")).body["reservations"] as object[];
    expect(row).toMatchObject({ evidence: { reserve, commit } });
    const [plain] = (await world.acme.get("/v1/reservations")).body["reservations"] as object[];
    expect(plain).not.toHaveProperty("evidence");
  });
});
