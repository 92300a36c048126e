import { ValidationError, usdMicrocents } from "@imprest/core";
import type { EvidencePayload } from "@imprest/core/models/cycles";
import { describe, expect, it } from "vitest";
import { evidenceJwk, signEvidence, verifyEvidence } from "../../src/evidence/index.ts";
import { commitPayload, keyPair, keysOf, serverId } from "./fixtures.ts";

const sign = async (payload: EvidencePayload, more: { traceId?: string; issuedAtMs?: number } = {}) =>
  signEvidence({ payload, issuedAtMs: 1_800_000_000_000, ...more }, { serverId, keyPair: await keyPair(3), kid: "k" });

describe("signEvidence", () => {
  it("signs what verifies as authentic", async () => {
    const { evidenceId, text } = await sign(commitPayload, { traceId: "0af7651916cd43dd8448eb211c80319c" });
    const keys = keysOf([evidenceJwk((await keyPair(3)).publicKey, "k", { notBeforeMs: 0 })]);
    const report = await verifyEvidence(text, { keys, expected: { evidenceId } });
    expect(report).toMatchObject({ disposition: "authentic", findings: [] });
    expect(report.envelope?.payload).toEqual(commitPayload);
  });

  it("gives the same bytes for the same statement", async () => {
    expect(await sign(commitPayload)).toEqual(await sign(structuredClone(commitPayload)));
  });

  it("signs no amount that canonical JSON would change", async () => {
    const amount = usdMicrocents(9_007_199_254_740_993n);
    const payload = { commit: { ...commitPayload.commit, response: { status: "COMMITTED", charged: amount } } };
    await expect(sign(payload as EvidencePayload)).rejects.toThrow(/inexact_integer/);
  });

  it("leaves an absent member out of the signed bytes, also one that was handed over as null", async () => {
    const request = { ...commitPayload.commit?.request, metrics: null, metadata: { note: null } };
    const payload = { commit: { ...commitPayload.commit, request } };
    const { text } = await sign(payload as unknown as EvidencePayload);
    expect(JSON.parse(text).payload.commit.request).toStrictEqual({
      idempotency_key: "key-1",
      actual: { unit: "USD_MICROCENTS", amount: 1_750_000 },
      metadata: { note: null },
    });
    expect(await verifyEvidence(text)).toMatchObject({ findings: [{ code: "no_key_set" }] });
  });

  it("signs nothing that its own verifier would object to", async () => {
    const { commit } = commitPayload;
    const refusals: unknown[] = [
      {},
      { commit, release: commit },
      { commit: { ...commit, reservation_id: undefined } },
      { commit: { ...commit, response: { ...commit?.response, cycles_evidence: {} } } },
      {
        error: {
          endpoint: "POST /v1/decide",
          http_status: 409,
          reservation_id: "r",
          response: { error: "FORBIDDEN", message: "m", request_id: "q" },
        },
      },
    ];
    for (const payload of refusals) await expect(sign(payload as EvidencePayload)).rejects.toThrow(ValidationError);
    await expect(sign(commitPayload, { traceId: "short" })).rejects.toThrow("/trace_id");
    await expect(sign(commitPayload, { issuedAtMs: 1.5 })).rejects.toThrow("/issued_at_ms");
  });
});
