import { parseWire, writeWire } from "@imprest/core/internal";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  type CommitRequest,
  commitRequest,
  commitResponse,
  parseAtomicAmount,
  parseTimestamp,
  queryBudgetResponse,
  reserveRequest,
  reserveResponse,
} from "@imprest/core/models/asp";

describe("proto3 JSON of ASP's messages", () => {
  it("law: what is written is read back", () => {
    const commit: fc.Arbitrary<CommitRequest> = fc.record(
      {
        reservationId: fc.string({ minLength: 1, unit: "grapheme" }),
        amountAtomicObserved: fc.bigInt({ min: 0n, max: 10n ** 38n - 1n }),
        idempotencyKey: fc.string({ minLength: 1 }),
        requestBodyHash: fc.uint8Array({ minLength: 1, maxLength: 70 }),
        providerResponseFacts: fc.dictionary(fc.string(), fc.oneof(fc.string(), fc.boolean(), fc.maxSafeInteger())),
      },
      { requiredKeys: ["reservationId", "amountAtomicObserved", "idempotencyKey"] },
    );
    fc.assert(
      fc.property(commit, (message) => {
        const text = JSON.stringify(writeWire(commitRequest, message, "ASP message"));
        expect(parseWire(commitRequest, JSON.parse(text), "ASP message")).toEqual(
          JSON.parse(JSON.stringify(message, bigints), revive),
        );
      }),
    );
    function bigints(this: unknown, _key: string, value: unknown): unknown {
      if (typeof value === "bigint") return { $bigint: value.toString() };
      return value instanceof Uint8Array ? { $bytes: [...value] } : value;
    }
    function revive(this: unknown, _key: string, value: unknown): unknown {
      if (typeof value !== "object" || value === null) return value;
      if ("$bigint" in value) return BigInt(String(value.$bigint));
      return "$bytes" in value ? Uint8Array.from(value.$bytes as number[]) : value;
    }
  });

  it("takes both names of a field, but not both at once; null and empty are absent; unknown fields are ignored", () => {
    const response = { reservation_id: "r", ttlExpiresAt: "2026-06-01T12:00:00Z", caps: [], reasonCodes: null, x: 1 };
    expect(parseWire(reserveResponse, response, "ASP message")).toEqual({
      reservationId: "r",
      ttlExpiresAt: "2026-06-01T12:00:00Z",
    });
    expect(() => parseWire(reserveResponse, { reservationId: "r", reservation_id: "r" }, "ASP message")).toThrow(
      "given twice",
    );
    expect(() => parseWire(reserveRequest, { idempotencyKey: "k" }, "ASP message")).toThrow("/claim");
    expect(() => parseWire(reserveRequest, { claim: {}, idempotencyKey: "k" }, "ASP message")).toThrow(
      "/claim/budget_id",
    );
  });

  it("a decision by name or number; an unknown one is kept, for the reader to refuse", () => {
    expect(parseWire(reserveResponse, { decision: 3 }, "ASP message").decision).toBe("ALLOW_WITH_CAPS");
    expect(parseWire(reserveResponse, { decision: 9 }, "ASP message").decision).toBe("9");
    expect(parseWire(reserveResponse, { decision: "MAYBE" }, "ASP message").decision).toBe("MAYBE");
    expect(() => parseWire(reserveResponse, { decision: 1.5 }, "ASP message")).toThrow("/decision");
  });

  it.each([1, -1, "-1", "+1", "01", "1.0", "1e3", " 1", "٣", "1".repeat(39), "0x1", true, {}])(
    "%j is no amount",
    (amount) => {
      expect(parseAtomicAmount(amount)).toBeUndefined();
      expect(() => parseWire(commitResponse, { refundAmountAtomic: amount }, "ASP message")).toThrow(
        "/refund_amount_atomic",
      );
    },
  );

  it("bytes in both alphabets, padded or not; anything else is none", () => {
    for (const text of ["-_8=", "-_8", "+/8=", "+/8"]) {
      expect(parseWire(commitResponse, { auditEventSignature: text }, "ASP message").auditEventSignature).toEqual(
        Uint8Array.of(251, 255),
      );
    }
    for (const text of ["a", "a b=", "é", 7]) {
      expect(() => parseWire(commitResponse, { auditEventSignature: text }, "ASP message")).toThrow("base64");
    }
  });

  it("a Struct is plain JSON: bigints go as text, what a double would change is refused", () => {
    const claim = { budgetId: "b", unit: "u", amountAtomic: 1n };
    const write = (identity: Record<string, unknown>): unknown =>
      writeWire(reserveRequest, { claim, identity, idempotencyKey: "k" }, "ASP message");
    expect(write({ big: 2n ** 70n, deep: [{ x: 1 }], gone: undefined })).toMatchObject({
      identity: { big: "1180591620717411303424", deep: [{ x: 1 }] },
    });
    const own: Record<string, unknown> = {};
    own["self"] = own;
    for (const unfit of [2 ** 53, Number.NaN, "\ud800", () => 1, own])
      expect(() => write({ unfit })).toThrow("/identity");
  });

  it.each([
    ["2026-06-01T12:00:00Z", Date.UTC(2026, 5, 1, 12)],
    ["2026-06-01T12:00:00.123456789Z", Date.UTC(2026, 5, 1, 12, 0, 0, 123)],
    ["2026-06-01T14:00:00+02:00", Date.UTC(2026, 5, 1, 12)],
    ["2026-06-01T12:00:60Z", undefined],
    ["2026-02-30T12:00:00Z", undefined],
    ["2026-06-01T24:00:00Z", undefined],
    ["0000-06-01T12:00:00Z", undefined],
    ["2026-06-01 12:00:00Z", undefined],
    ["2026-06-01T12:00:00", undefined],
    ["2026-06-01T12:00:00.1234567890Z", undefined],
    [1_780_315_200_000, undefined],
  ])("the timestamp %j", (text, expected) => {
    expect(parseTimestamp(text)).toBe(expected);
  });

  it("an amount of zero is written", () => {
    expect(writeWire(queryBudgetResponse, { availableAtomic: 0n }, "ASP message")).toEqual({ availableAtomic: "0" });
    expect(parseWire(queryBudgetResponse, { availableAtomic: "0" }, "ASP message")).toEqual({ availableAtomic: 0n });
  });
});
