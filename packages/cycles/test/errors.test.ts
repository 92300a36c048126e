import { describe, expect, it } from "vitest";
import { ProtocolError } from "@imprest/core";
import { errorCodes } from "@imprest/core/models/cycles";
import * as cycles from "@imprest/cycles";
import { serveStub } from "./support/msw-authority.ts";
import { type WrittenAnswer, refusal } from "./support/stub-authority.ts";

const { CyclesClient, CyclesError } = cycles;

/** Each code with its status and its class; the reference client has classes for six. */
const classes: readonly (readonly [string, number, new (...args: never[]) => cycles.CyclesError])[] = [
  ["INVALID_REQUEST", 400, cycles.InvalidRequestError],
  ["UNAUTHORIZED", 401, cycles.UnauthorizedError],
  ["FORBIDDEN", 403, cycles.ForbiddenError],
  ["NOT_FOUND", 404, cycles.NotFoundError],
  ["BUDGET_EXCEEDED", 409, cycles.BudgetExceededError],
  ["BUDGET_FROZEN", 409, cycles.BudgetFrozenError],
  ["BUDGET_CLOSED", 409, cycles.BudgetClosedError],
  ["RESERVATION_EXPIRED", 410, cycles.ReservationExpiredError],
  ["RESERVATION_FINALIZED", 409, cycles.ReservationFinalizedError],
  ["IDEMPOTENCY_MISMATCH", 409, cycles.IdempotencyMismatchError],
  ["UNIT_MISMATCH", 400, cycles.UnitMismatchError],
  ["OVERDRAFT_LIMIT_EXCEEDED", 409, cycles.OverdraftLimitExceededError],
  ["DEBT_OUTSTANDING", 409, cycles.DebtOutstandingError],
  ["MAX_EXTENSIONS_EXCEEDED", 409, cycles.MaxExtensionsExceededError],
  ["LIMIT_EXCEEDED", 429, cycles.LimitExceededError],
  ["TENANT_CLOSED", 409, cycles.TenantClosedError],
  ["INTERNAL_ERROR", 500, cycles.InternalServerError],
  ["ACTION_QUOTA_EXCEEDED", 409, cycles.ActionQuotaExceededError],
  ["ACTION_KIND_DENIED", 409, cycles.ActionKindDeniedError],
  ["ACTION_KIND_NOT_ALLOWED", 409, cycles.ActionKindNotAllowedError],
];

async function errorFor(answer: WrittenAnswer, apiKey = "cyc_live_0123456789"): Promise<cycles.CyclesError> {
  const client = new CyclesClient({ ...serveStub(() => answer).at, apiKey });
  const error: unknown = await client.releaseReservation("rsv_1").catch((thrown: unknown) => thrown);
  if (!CyclesError.isInstance(error)) throw new Error("no CyclesError", { cause: error });
  return error;
}

it("there is a class for every code of the specification", () => {
  expect(classes.map(([code]) => code)).toEqual([...errorCodes]);
});

describe.each(classes)("%s", (code, status, type) => {
  it("is its own class, over ProtocolError, with all that the answer said", async () => {
    const details = { hint: "x" };
    const error = await errorFor(refusal(status, code, { details }));
    expect(error).toBeInstanceOf(type);
    expect(error).toBeInstanceOf(ProtocolError);
    expect(error.constructor).toBe(type);
    expect(error).toMatchObject({
      protocol: "cycles",
      status,
      errorCode: code,
      requestId: "req_1",
      wireDetails: details,
    });
    expect(error.retryable).toBe(status === 429 || status >= 500);
    expect(error.message).toContain(`answered ${code} (status ${status}) and said: ${code} happened.`);
    expect(error.message).toMatch(/\. [A-Z][^.]+\.$/);
    expect(error.name).toBe(`Cycles${type.name}`);
  });
});

it("an unknown code is a CyclesError that keeps it", async () => {
  const error = await errorFor(refusal(409, "QUANTUM_BUDGET", { added: 1 }));
  expect(error.constructor).toBe(CyclesError);
  expect(error).toMatchObject({ errorCode: "QUANTUM_BUDGET", status: 409, retryable: false });
});

it.each(["constructor", "__proto__", "toString"])("the code %s finds no class by accident", async (code) => {
  expect((await errorFor(refusal(409, code))).constructor).toBe(CyclesError);
});

it("a 410 without a body is an expired reservation", async () => {
  expect(await errorFor({ status: 410 })).toBeInstanceOf(cycles.ReservationExpiredError);
});

it.each([
  [401, cycles.UnauthorizedError, "UNAUTHORIZED"],
  [403, cycles.ForbiddenError, "FORBIDDEN"],
  [429, cycles.LimitExceededError, "LIMIT_EXCEEDED"],
  [404, CyclesError, "HTTP_404"],
  [502, CyclesError, "HTTP_502"],
])("a body that is not the protocol's, with status %i, still is a typed error", async (status, type, errorCode) => {
  for (const text of ["<html>Bad Gateway</html>", "", "null", "[]", '{"error":5}', '{"error":"X"}']) {
    const error = await errorFor({ status, text });
    expect(error.constructor).toBe(type);
    expect(error).toMatchObject({ status, errorCode, requestId: "req_1" });
    expect(error.message).not.toContain("<html>");
  }
});

it("trace id and evidence are kept, from the headers or from the body", async () => {
  const evidence = { evidence_id: "a".repeat(64), cycles_evidence_url: "https://cycles.example/v1/evidence/a" };
  const body = { trace_id: "b".repeat(32), cycles_evidence: evidence };
  const answered = await errorFor(refusal(409, "BUDGET_EXCEEDED", body));
  expect(answered).toMatchObject({ traceId: "4bf92f3577b34da6a3ce929d0e0e4736", requestId: "req_1", evidence });
  expect(JSON.parse(JSON.stringify(answered))).toMatchObject({ evidence, status: 409 });

  const bare = cycles.CyclesClient;
  const transport = async () => ({
    status: 409,
    headers: {},
    body: JSON.stringify({ error: "BUDGET_EXCEEDED", message: "m", request_id: "req_body", ...body }),
  });
  const client = new bare({ baseUrl: "https://cycles.example", apiKey: "test-key", transport });
  await expect(client.releaseReservation("r")).rejects.toMatchObject({ traceId: body.trace_id, requestId: "req_body" });
});

it("Retry-After is read in seconds", async () => {
  const headers = { "retry-after": "7" };
  expect(await errorFor({ status: 429, headers })).toMatchObject({ retryAfterMs: 7_000, retryable: true });
});

it("UNIT_MISMATCH says which units would do", async () => {
  const details = { scope: "tenant:acme", requested_unit: "TOKENS", expected_units: ["USD_MICROCENTS", 5] };
  const error = await errorFor(refusal(400, "UNIT_MISMATCH", { details }));
  if (!cycles.UnitMismatchError.isInstance(error)) throw error;
  expect(error).toMatchObject({
    scope: "tenant:acme",
    requestedUnit: "TOKENS",
    expectedUnits: ["USD_MICROCENTS"],
  });
  const silent = await errorFor(refusal(400, "UNIT_MISMATCH"));
  expect(silent).toMatchObject({ scope: undefined, requestedUnit: undefined, expectedUnits: [] });
});

it("deny_detail is typed and exact, and absent when it is none", async () => {
  const quota_violation = { action_kind: "email.send", window: "per_run", used: 5, limit: 5, scope: "tenant:acme" };
  const deny_detail = { reason_code: "ACTION_QUOTA_EXCEEDED", quota_violation, suggested_fix: "raise it", added: 1 };
  const error = await errorFor(refusal(409, "ACTION_QUOTA_EXCEEDED", { details: { deny_detail } }));
  expect(error.denyDetail).toEqual({ ...deny_detail, quota_violation: { ...quota_violation, used: 5n, limit: 5n } });
  for (const details of [undefined, {}, { deny_detail: null }, { deny_detail: { reason_code: 5 } }]) {
    expect((await errorFor(refusal(409, "ACTION_QUOTA_EXCEEDED", { details }))).denyDetail).toBeUndefined();
  }
});

it("what a server says becomes one short line", async () => {
  const message = `first\r\n2026-01-01 ERROR forged line\u2028${"x".repeat(2_000)}`;
  const error = await errorFor(refusal(409, "BUDGET_EXCEEDED", { message }));
  expect(error.message).not.toMatch(/[\r\n\u2028]/);
  expect(error.message.length).toBeLessThan(500);
});
