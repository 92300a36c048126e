import { type Metrics, ValidationError, tokens } from "@imprest/core";
import { parseWire } from "@imprest/core/internal";
import { commitRequest } from "@imprest/core/models/cycles";
import fc from "fast-check";
import { expect, it } from "vitest";
import { createLedgerAuthority } from "../../src/ledger.ts";

const whole = fc.oneof(fc.nat(), fc.constantFrom(-1, 0.5, Number.NaN, 2 ** 53, "3", null));
const jsonLike = fc.oneof(fc.dictionary(fc.string(), fc.nat()), fc.constantFrom([], "text", null, 1));
const optional = <Value>(value: fc.Arbitrary<Value>) => fc.option(value, { nil: undefined });

it("a spend is prepared in the process exactly where the Cycles wire would carry it", async () => {
  const ledger = createLedgerAuthority();
  await ledger.budgets.create({ scope: { tenant: "acme" }, allocated: tokens(1_000) });
  const authority = ledger.authority({ tenant: "acme" });
  const request = { estimate: tokens(100), action: { kind: "llm.completion" } };
  const grant = await authority.reserve(request, { idempotencyKey: "k" });
  const stamp = { idempotencyKey: "s", recordedAtMs: 0 };

  const pointers = (attempt: () => unknown): readonly string[] => {
    try {
      attempt();
      return [];
    } catch (error) {
      if (!ValidationError.isInstance(error)) throw error;
      return error.issues.map(({ pointer }) => pointer).toSorted();
    }
  };

  fc.assert(
    fc.property(
      fc.bigInt({ min: -10n, max: 2n ** 63n + 10n }),
      fc.record({
        inputTokens: optional(whole),
        outputTokens: optional(whole),
        latencyMs: optional(whole),
        modelVersion: optional(fc.oneof(fc.string({ maxLength: 140, minLength: 120, unit: "grapheme" }), fc.string())),
        custom: optional(jsonLike),
      }),
      (amount, metrics) => {
        const actual = { unit: "TOKENS", amount };
        const spend = { amount: actual, basis: "actual", metrics: metrics as Metrics };
        const { inputTokens, outputTokens, latencyMs, modelVersion, custom } = metrics;
        const counts = { tokens_input: inputTokens, tokens_output: outputTokens, latency_ms: latencyMs };
        const carried = { ...counts, model_version: modelVersion, custom };
        const wire = { idempotency_key: "s", actual, metrics: carried };
        const here = pointers(() => authority.prepare(grant, { kind: "commit", spend } as never, stamp));
        expect(here).toEqual(pointers(() => parseWire(commitRequest, wire, "commit")));
      },
    ),
  );
  await ledger.close();
});
