import { describe, expect, it } from "vitest";
import { ValidationError } from "@imprest/core";
import { int64Max, parseWire, stringifyJson, subjectLevels, type Shape } from "@imprest/core/internal";
import {
  subjectLevels as cyclesSubjectLevels,
  balanceQuery,
  commitRequest,
  decisionRequest,
  eventCreateRequest,
  releaseRequest,
  reservationCreateRequest,
  reservationExtendRequest,
  reservationListQuery,
} from "@imprest/core/models/cycles";

const estimate = { unit: "USD_MICROCENTS", amount: 500_000n };
const base = { idempotency_key: "k", subject: { tenant: "acme" }, action: { kind: "llm.completion", name: "gpt" } };
const reserve = { ...base, estimate };

function issuesOf(schema: Shape<unknown>, value: unknown): readonly string[] {
  try {
    parseWire(schema, value, "request");
    return [];
  } catch (error) {
    if (!ValidationError.isInstance(error)) throw error;
    return error.issues.map(({ pointer, message }) => `${pointer} ${message}`);
  }
}

/** What the reference client leaves unchecked, and every other limit of the OpenAPI document. */
const refused: readonly (readonly [string, Shape<unknown>, object, RegExp])[] = [
  ["a missing key", reservationCreateRequest, { ...reserve, idempotency_key: undefined }, /^\/idempotency_key /],
  ["an empty key", reservationCreateRequest, { ...reserve, idempotency_key: "" }, /1 to 256/],
  ["a long key", reservationCreateRequest, { ...reserve, idempotency_key: "k".repeat(257) }, /1 to 256/],
  ["no subject", reservationCreateRequest, { ...reserve, subject: {} }, /^\/subject must name at least one of/],
  [
    "dimensions alone",
    reservationCreateRequest,
    { ...reserve, subject: { dimensions: { a: "b" } } },
    /^\/subject must name at least one of tenant/,
  ],
  ["a delimiter", reservationCreateRequest, { ...reserve, subject: { app: "a/b" } }, /^\/subject\/app .*letters/],
  ["a long level", reservationCreateRequest, { ...reserve, subject: { app: "a".repeat(129) } }, /1 to 128/],
  ["a line end", reservationCreateRequest, { ...reserve, subject: { app: "a\n" } }, /^\/subject\/app/],
  [
    "17 dimensions",
    reservationCreateRequest,
    {
      ...reserve,
      subject: { app: "a", dimensions: Object.fromEntries(Array.from({ length: 17 }, (_, at) => [`d${at}`, ""])) },
    },
    /^\/subject\/dimensions must have at most 16/,
  ],
  [
    "a long dimension",
    reservationCreateRequest,
    { ...reserve, subject: { app: "a", dimensions: { run: "x".repeat(257) } } },
    /^\/subject\/dimensions\/run must have at most 256/,
  ],
  ["a long kind", reservationCreateRequest, { ...reserve, action: { kind: "k".repeat(65), name: "n" } }, /64/],
  ["no name", reservationCreateRequest, { ...reserve, action: { kind: "k" } }, /^\/action\/name/],
  [
    "11 tags",
    reservationCreateRequest,
    { ...reserve, action: { kind: "k", name: "n", tags: Array.from({ length: 11 }, String) } },
    /^\/action\/tags must have at most 10/,
  ],
  [
    "a long tag",
    reservationCreateRequest,
    { ...reserve, action: { kind: "k", name: "n", tags: ["ok", "t".repeat(65)] } },
    /^\/action\/tags\/1 must have at most 64/,
  ],
  ["a unit", reservationCreateRequest, { ...reserve, estimate: { unit: "EUR", amount: 1n } }, /^\/estimate\/unit/],
  [
    "a negative amount",
    reservationCreateRequest,
    { ...reserve, estimate: { ...estimate, amount: -1n } },
    /^\/estimate\/amount .*not negative/,
  ],
  [
    "an amount beyond int64",
    reservationCreateRequest,
    { ...reserve, estimate: { ...estimate, amount: int64Max + 1n } },
    /^\/estimate\/amount .*int64/,
  ],
  [
    "a fraction of a unit",
    reservationCreateRequest,
    { ...reserve, estimate: { ...estimate, amount: 0.5 } },
    /^\/estimate\/amount/,
  ],
  ["a fraction of a ms", reservationCreateRequest, { ...reserve, ttl_ms: 1000.5 }, /^\/ttl_ms must be a whole/],
  ["a short ttl", reservationCreateRequest, { ...reserve, ttl_ms: 999 }, /^\/ttl_ms .*1000 to 86400000/],
  ["a long ttl", reservationCreateRequest, { ...reserve, ttl_ms: 86_400_001 }, /^\/ttl_ms/],
  ["NaN", reservationCreateRequest, { ...reserve, ttl_ms: Number.NaN }, /^\/ttl_ms/],
  ["a long grace", reservationCreateRequest, { ...reserve, grace_period_ms: 60_001 }, /^\/grace_period_ms/],
  ["a policy", reservationCreateRequest, { ...reserve, overage_policy: "MAYBE" }, /^\/overage_policy .*REJECT/],
  ["text for a flag", reservationCreateRequest, { ...reserve, dry_run: "false" }, /^\/dry_run/],
  ["a list for metadata", reservationCreateRequest, { ...reserve, metadata: [] }, /^\/metadata/],
  ["an unknown member", reservationCreateRequest, { ...reserve, overdraft: 1 }, /overdraft.*remove/],
  ["an unknown member within", decisionRequest, { ...reserve, subject: { app: "a", team: "b" } }, /^\/subject .*team/],
  ["a reserve's member in a decide", decisionRequest, { ...reserve, ttl_ms: 5000 }, /ttl_ms.*remove/],
  ["no actual", commitRequest, { idempotency_key: "k" }, /^\/actual/],
  [
    "negative tokens",
    commitRequest,
    { idempotency_key: "k", actual: estimate, metrics: { tokens_input: -1 } },
    /^\/metrics\/tokens_input must be a whole number, 0 or more/,
  ],
  [
    "an unknown metric",
    commitRequest,
    { idempotency_key: "k", actual: estimate, metrics: { cached: 1 } },
    /^\/metrics .*cached/,
  ],
  ["a long reason", releaseRequest, { idempotency_key: "k", reason: "r".repeat(257) }, /^\/reason .*256/],
  ["no extension", reservationExtendRequest, { idempotency_key: "k", extend_by_ms: 0 }, /^\/extend_by_ms .*1 to/],
  ["a client time", eventCreateRequest, { ...base, actual: estimate, client_time_ms: -1 }, /^\/client_time_ms/],
  ["no level", balanceQuery, { include_children: true }, /must name at least one of tenant/],
  ["a blank level", balanceQuery, { tenant: "" }, /must name at least one of tenant/],
  ["a page of 201", balanceQuery, { tenant: "a", limit: 201 }, /^\/limit .*1 to 200/],
  ["a sort key", reservationListQuery, { sort_by: "amount" }, /^\/sort_by .*scope_path/],
  ["a date", reservationListQuery, { from: "yesterday" }, /^\/from .*ISO 8601/],
  ["a bare date", reservationListQuery, { from: "2026-01-31" }, /^\/from .*ISO 8601/],
  [
    "a window backwards",
    reservationListQuery,
    { expires_from: "2026-02-01T00:00:00Z", expires_to: "2026-01-01T00:00:00Z" },
    /expires_from after expires_to/,
  ],
];

describe("requests", () => {
  it.each(refused)("%s is refused, and the message says where and what instead", (...row) => {
    const [, schema, value, message] = row;
    const issues = issuesOf(schema, value);
    expect(issues).toHaveLength(1);
    expect(issues[0]).toMatch(message);
  });

  it("go through unchanged up to their limits", () => {
    const dimensions = Object.fromEntries(Array.from({ length: 16 }, (_, at) => [`d.${at}`, "😀".repeat(256)]));
    const request = {
      idempotency_key: "k".repeat(256),
      subject: { tenant: "a".repeat(128), toolset: "A_b.c-9", dimensions },
      action: { kind: "k".repeat(64), name: "ü".repeat(256), tags: Array.from({ length: 10 }, () => "t".repeat(64)) },
      estimate: { unit: "USD_MICROCENTS", amount: int64Max },
      ttl_ms: 86_400_000,
      grace_period_ms: 60_000,
      overage_policy: "ALLOW_WITH_OVERDRAFT",
      dry_run: true,
      metadata: { note: [1, { deep: null }] },
    };
    expect(parseWire(reservationCreateRequest, request, "request")).toEqual(request);
  });

  it("read amounts from JSON numbers too, for the receiving side", () => {
    const received = JSON.parse(stringifyJson(reserve)) as unknown;
    expect(parseWire(reservationCreateRequest, received, "request")).toEqual(reserve);
  });

  it("read null for an optional member as its absence, at every depth, and keep the nulls of free JSON", () => {
    const nulls = {
      ...reserve,
      subject: { tenant: "acme", workspace: null, dimensions: null },
      action: { ...base.action, tags: null, policy_keys: { host: null } },
      ttl_ms: null,
      dry_run: null,
      metadata: { note: null },
    };
    const read = parseWire(reservationCreateRequest, nulls, "request");
    expect(read).toStrictEqual({
      ...reserve,
      action: { ...base.action, policy_keys: {} },
      metadata: { note: null },
    });
    expect(issuesOf(reservationCreateRequest, { ...reserve, estimate: null })).toHaveLength(1);
    expect(issuesOf(reservationCreateRequest, { ...reserve, subject: { tenant: null } })).toEqual([
      expect.stringMatching(/^\/subject must name at least one of/),
    ]);
    expect(issuesOf(balanceQuery, { tenant: "a", agent: null })).toEqual([]);
  });

  it("take blank window bounds as none (Cycles §listReservations, NORMATIVE)", () => {
    expect(issuesOf(reservationListQuery, { from: "", finalized_to: " ", to: "2026-01-31T00:00:00.5+01:00" })).toEqual(
      [],
    );
  });

  it("do not repeat a received value in a message", () => {
    const secret = "sk-live-0123456789";
    const issues = issuesOf(reservationCreateRequest, {
      ...reserve,
      subject: { tenant: `${secret}/` },
      ttl_ms: secret,
    });
    expect(issues).toHaveLength(2);
    expect(issues.join()).not.toContain(secret);
  });

  it("know the levels of a subject that the port knows, in its order", () => {
    expect(cyclesSubjectLevels).toEqual(subjectLevels);
  });
});
