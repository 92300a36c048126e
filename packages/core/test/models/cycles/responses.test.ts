import { describe, expect, it } from "vitest";
import { int64Max, int64Min, parseJson, parseWire, type Shape } from "@imprest/core/internal";
import {
  balanceResponse,
  commitResponse,
  decisionResponse,
  errorResponse,
  eventCreateResponse,
  releaseResponse,
  reservationCreateResponse,
  reservationDetail,
  reservationExtendResponse,
  reservationListResponse,
} from "@imprest/core/models/cycles";

const money = { unit: "USD_MICROCENTS", amount: 500_000 };
const evidence = { evidence_id: "a".repeat(64), cycles_evidence_url: "https://cycles.example/v1/evidence/a" };
const balance = { scope: "tenant:acme", scope_path: "tenant:acme", remaining: money, reserved: money, spent: money };
const record = {
  reservation_id: "rsv_1",
  status: "COMMITTED",
  subject: { tenant: "acme", dimensions: { run: "7" } },
  action: { kind: "llm.completion", name: "gpt", tags: ["prod"] },
  reserved: money,
  committed: money,
  created_at_ms: 1,
  expires_at_ms: 2,
  finalized_at_ms: 3,
  scope_path: "tenant:acme",
  affected_scopes: ["tenant:acme"],
  evidence: { reserve: evidence, commit: evidence },
};

const answers: readonly (readonly [string, Shape<unknown>, Record<string, unknown>])[] = [
  [
    "ReservationCreateResponse",
    reservationCreateResponse,
    {
      decision: "ALLOW_WITH_CAPS",
      affected_scopes: ["tenant:acme"],
      reservation_id: "rsv_1",
      reserved: money,
      expires_at_ms: 5,
      remaining_ttl_ms: 4,
      scope_path: "tenant:acme",
      caps: { max_tokens: 100, tool_allowlist: ["web.search"] },
      balances: [balance],
      cycles_evidence: evidence,
    },
  ],
  ["CommitResponse", commitResponse, { status: "COMMITTED", charged: money, released: money, balances: [balance] }],
  ["ReleaseResponse", releaseResponse, { status: "RELEASED", released: money, cycles_evidence: evidence }],
  ["ReservationExtendResponse", reservationExtendResponse, { status: "ACTIVE", expires_at_ms: 5 }],
  ["EventCreateResponse", eventCreateResponse, { status: "APPLIED", event_id: "evt_1", charged: money }],
  ["DecisionResponse", decisionResponse, { decision: "DENY", reason_code: "BUDGET_EXCEEDED", retry_after_ms: 5 }],
  ["BalanceResponse", balanceResponse, { balances: [balance], next_cursor: "c", has_more: true }],
  ["ReservationDetail", reservationDetail, record],
  ["ReservationListResponse", reservationListResponse, { reservations: [record], has_more: false }],
  ["ErrorResponse", errorResponse, { error: "NEW_CODE", message: "m", request_id: "r", details: { a: 1 } }],
];

/** The members without which the specification knows no answer (Cycles, `required` of each schema). */
const required: Readonly<Record<string, readonly string[]>> = {
  ReservationCreateResponse: ["decision", "affected_scopes"],
  CommitResponse: ["status", "charged"],
  ReleaseResponse: ["status", "released"],
  ReservationExtendResponse: ["status", "expires_at_ms"],
  EventCreateResponse: ["status", "event_id"],
  DecisionResponse: ["decision"],
  BalanceResponse: ["balances"],
  ReservationDetail: [
    "reservation_id",
    "status",
    "subject",
    "action",
    "reserved",
    "created_at_ms",
    "expires_at_ms",
    "scope_path",
    "affected_scopes",
  ],
  ReservationListResponse: ["reservations"],
  ErrorResponse: ["error", "message", "request_id"],
};

/** The same answer with an unknown member in every object of it. */
function withAdditions(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withAdditions);
  if (typeof value !== "object" || value === null) return value;
  const members = Object.entries(value).map(([key, member]) => [key, withAdditions(member)]);
  return { ...Object.fromEntries(members), x_added_later: { nested: [1, "two"] } };
}

/** Amounts come out as bigints; nothing else changes. */
function withBigints(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withBigints);
  if (typeof value !== "object" || value === null) return value;
  const members = Object.entries(value).map(([key, member]) => [
    key,
    key === "amount" ? BigInt(member as number) : withBigints(member),
  ]);
  return Object.fromEntries(members);
}

describe.each(answers)("%s", (name, schema, answer) => {
  it("is read as it came, with amounts as bigints", () => {
    expect(parseWire(schema, answer, "answer")).toEqual(withBigints(answer));
  });

  it("keeps members that were added later, at every depth", () => {
    const added = withAdditions(answer);
    expect(parseWire(schema, added, "answer")).toEqual(withBigints(added));
  });

  const members = Object.keys(answer);
  const isRequired = (member: string): boolean => required[name]?.includes(member) ?? false;

  it.each(members.filter(isRequired))("refuses null for the required %s, and says where", (member) => {
    expect(() => parseWire(schema, { ...answer, [member]: null }, "answer")).toThrow(`/${member}`);
  });

  it.each(members.filter((member) => !isRequired(member)))(
    "reads null for the optional %s as its absence",
    (member) => {
      const { [member]: _absent, ...others } = answer;
      const read = parseWire(schema, { ...answer, [member]: null }, "answer");
      expect(read).toStrictEqual(parseWire(schema, others, "answer"));
    },
  );

  it.each([null, [], "text", 5, true])("refuses %j", (value) => {
    expect(() => parseWire(schema, value, "answer")).toThrow("must be a JSON object");
  });
});

describe("amounts", () => {
  const read = (amount: string, schema = balanceResponse): unknown => {
    const remaining = `{"unit":"USD_MICROCENTS","amount":${amount}}`;
    const text = `{"balances":[{"scope":"s","scope_path":"s","remaining":${remaining}}]}`;
    return parseWire(schema, parseJson(text), "answer").balances[0]?.remaining.amount;
  };

  it.each([int64Max, int64Min, 9_007_199_254_740_993n, -1n, 0n])("%s is exact", (amount) => {
    expect(read(String(amount))).toBe(amount);
  });

  it.each(["9223372036854775808", "-9223372036854775809", "1.5", "1e400", '"5"', "null", "true", "{}"])(
    "refuses %s",
    (amount) => {
      expect(() => read(amount)).toThrow("/balances/0/remaining/amount");
    },
  );

  it("refuses a negative charge", () => {
    const answer = { status: "COMMITTED", charged: { unit: "TOKENS", amount: -1 } };
    expect(() => parseWire(commitResponse, answer, "answer")).toThrow("/charged/amount");
  });

  it("refuses an answer whose required amount is missing", () => {
    const answer = { status: "COMMITTED", charged: { unit: "TOKENS" } };
    expect(() => parseWire(commitResponse, answer, "answer")).toThrow("/charged/amount");
    expect(() => parseWire(commitResponse, { status: "COMMITTED" }, "answer")).toThrow("/charged");
  });
});

it("reads an instant beyond 2^53 as the farthest one that a number holds", () => {
  const answer = parseJson('{"status":"ACTIVE","expires_at_ms":9223372036854775807,"remaining_ttl_ms":60000}');
  expect(parseWire(reservationExtendResponse, answer, "answer")).toEqual({
    status: "ACTIVE",
    expires_at_ms: Number.MAX_SAFE_INTEGER,
    remaining_ttl_ms: 60_000,
  });
  expect(() => parseWire(reservationExtendResponse, { status: "ACTIVE" }, "answer")).toThrow("/expires_at_ms");
});

it("takes a decision, a unit and a status that nobody knows yet", () => {
  expect(parseWire(decisionResponse, { decision: "DEFER" }, "answer").decision).toBe("DEFER");
  const later = { ...record, status: "CANCELLED", reserved: { unit: "EUR_MICROCENTS", amount: 5 } };
  expect(parseWire(reservationDetail, later, "answer").reserved).toEqual({ unit: "EUR_MICROCENTS", amount: 5n });
});

it.each([
  [commitResponse, { status: "RELEASED", charged: money }],
  [releaseResponse, { status: "COMMITTED", released: money }],
  [eventCreateResponse, { status: "PENDING", event_id: "e" }],
  [reservationExtendResponse, { status: "EXPIRED", expires_at_ms: 1 }],
])("refuses a success that says something else happened", (schema, answer) => {
  expect(() => parseWire(schema as Shape<unknown>, answer, "answer")).toThrow("/status: must be one of");
});
