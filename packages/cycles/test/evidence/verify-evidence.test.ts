import { type JsonObject, hasErrors } from "@imprest/core/audit";
import { beforeAll, describe, expect, it } from "vitest";
import { verifyEvidence } from "../../src/evidence/index.ts";
import { commitEvidence, keyPair, serverId, signAnything } from "./fixtures.ts";

let valid: string;
beforeAll(async () => {
  valid = await commitEvidence({ serverId, keyPair: await keyPair(1) }, 1_800_000_000_000);
});

const codes = async (input: string | Uint8Array): Promise<string[]> =>
  (await verifyEvidence(input)).findings.map(({ code }) => code);

/** A reserve or an error that is rightly signed, whatever it says. */
const signed = (type: string, payload: JsonObject): Promise<string> =>
  signAnything(valid, (envelope) => Object.assign(envelope, { artifact_type: type, payload: { [type]: payload } }));

const request = {
  idempotency_key: "key-1",
  subject: { tenant: "acme" },
  action: { kind: "model.call", name: "m" },
  estimate: { unit: "TOKENS", amount: 10 },
};

describe("verifyEvidence", () => {
  it("reports a valid envelope with exact amounts", async () => {
    const report = await verifyEvidence(valid);
    expect(report).toMatchObject({ disposition: "binding_only", findings: [] });
    expect(report.envelope?.payload.commit?.response.charged.amount).toBe(1_750_000n);
    expect(report).not.toHaveProperty("signerPinMatched");
  });

  it("accepts another layout of the same content", async () => {
    const spaced = JSON.stringify(JSON.parse(valid), undefined, 2);
    expect(await verifyEvidence(new TextEncoder().encode(spaced))).toMatchObject({
      disposition: "binding_only",
      findings: [],
    });
  });

  it("tells a pinned signer from another", async () => {
    const expectedSigner = JSON.parse(valid).signer_did;
    expect(await verifyEvidence(valid, { expectedSigner })).toMatchObject({ signerPinMatched: true, findings: [] });
    const other = await verifyEvidence(valid, { expectedSigner: "00".repeat(32) });
    expect(other).toMatchObject({ disposition: "binding_only", signerPinMatched: false });
    expect(other.findings.map(({ code }) => code)).toEqual(["signer_pin_mismatch"]);
  });

  it("an altered member is caught by the id, and by the signature when the id is altered with it", async () => {
    const dearer = valid.replaceAll("1750000", "9750000");
    expect(await verifyEvidence(dearer)).toMatchObject({
      disposition: "signature_invalid",
      findings: [{ code: "evidence_id_mismatch" }],
    });
    const { evidence_id: rightId } = JSON.parse(
      await signAnything(dearer, (envelope) => (envelope["signer_did"] = JSON.parse(valid).signer_did)),
    );
    const withId = dearer.replace(/"evidence_id":"[0-9a-f]+"/, `"evidence_id":"${rightId}"`);
    expect(await verifyEvidence(withId)).toMatchObject({
      disposition: "signature_invalid",
      findings: [{ code: "bad_signature" }],
    });
  });

  it("refuses a second spelling of the signature", async () => {
    const shouted = valid.replace(
      /"signature":"([0-9a-f]+)"/,
      (_, digits: string) => `"signature":"${digits.toUpperCase()}"`,
    );
    expect((await verifyEvidence(shouted)).disposition).toBe("signature_invalid");
  });

  it.each<[string, (text: string) => string, string]>([
    ["a duplicate member", (text) => text.replace('"payload"', '"payload":{},"payload"'), "duplicate_key"],
    ["a number beyond doubles", (text) => text.replace("1750000", "1e999"), "number_overflow"],
    ["a lone surrogate", (text) => text.replace("rsv_1", "\\ud800"), "lone_surrogate"],
    ["a depth bomb", (text) => text.replace('"rsv_1"', "[".repeat(5000)), "too_deep"],
    ["a trailing value", (text) => `${text}{}`, "trailing_data"],
    ["no JSON", () => "<html>", "syntax"],
    ["nothing", () => "", "syntax"],
    ["a list", () => "[]", "not_an_envelope"],
    ["null", () => "null", "not_an_envelope"],
    ["another version", (text) => text.replace("evidence/v0.1", "evidence/v0.2"), "unknown_schema_version"],
    ["a missing signature", (text) => text.replace(/"signature":"[^"]+",/, ""), "not_an_envelope"],
  ])("%s is refused before any hash", async (_name, change, code) => {
    const report = await verifyEvidence(change(valid));
    expect(report).toMatchObject({ disposition: "signature_invalid", findings: [{ code, severity: "error" }] });
    expect(report.envelope).toBeUndefined();
  });

  it("digits that the signature does not cover are found, though it holds", async () => {
    const large = await signAnything(valid, (envelope) => {
      const payload = envelope["payload"] as { commit: { request: { actual: { amount: number } } } };
      payload.commit.request.actual.amount = 9007199254740992;
    });
    expect(await verifyEvidence(large)).toMatchObject({ disposition: "binding_only", findings: [] });
    const shifted = large.replace("9007199254740992", "9007199254740993");
    expect(shifted).not.toBe(large);
    const report = await verifyEvidence(shifted);
    expect(report.disposition).toBe("binding_only");
    expect(report.findings).toMatchObject([{ kind: "syntax", code: "inexact_integer", severity: "error" }]);
  });

  it("a relabelled event is refused by its signature", async () => {
    const relabelled = valid.replace('"artifact_type":"commit"', '"artifact_type":"release"');
    expect((await verifyEvidence(relabelled)).disposition).toBe("signature_invalid");
  });

  it("keeps the signature's verdict apart from what the content does wrong", async () => {
    const stranger = await signAnything(valid, (envelope) => (envelope["note"] = "not in the schema"));
    const report = await verifyEvidence(stranger);
    expect(report.disposition).toBe("binding_only");
    expect(report.findings).toMatchObject([{ kind: "schema", code: "schema_violation" }]);
    expect(hasErrors(report)).toBe(true);
    expect(report.envelope).toBeUndefined();
  });

  it("reads null as an absent member, and hashes it as it is signed", async () => {
    const nulls = await signAnything(valid, (envelope) => {
      const { response } = (envelope["payload"] as { commit: { response: JsonObject } }).commit;
      Object.assign(response, { balances: null });
      Object.assign(envelope, { trace_id: null });
    });
    const report = await verifyEvidence(nulls);
    expect(report).toMatchObject({ disposition: "binding_only", findings: [] });
    expect(report.envelope?.payload.commit?.response).not.toHaveProperty("balances");
    const without = nulls.replace(',"trace_id":null', "");
    expect(without).not.toBe(nulls);
    expect(await codes(without)).toEqual(["evidence_id_mismatch"]);
  });

  it("finds a second payload that is null: the specification wants it absent", async () => {
    const second = await signAnything(valid, (envelope) => {
      Object.assign(envelope["payload"] as JsonObject, { release: null });
    });
    expect(await codes(second)).toEqual(["payload_mismatch"]);
  });

  it("a member of the payload that looks like the id is hashed as it is", async () => {
    const lookalike = await signAnything(valid, (envelope) => {
      const payload = envelope["payload"] as { commit: { request: JsonObject } };
      payload.commit.request["metadata"] = { evidence_id: "", text: '"evidence_id":""' };
    });
    expect(await verifyEvidence(lookalike)).toMatchObject({ disposition: "binding_only", findings: [] });
    const before = await signAnything(valid, (envelope) => (envelope["aaa"] = { evidence_id: "" }));
    expect(await verifyEvidence(before)).toMatchObject({ disposition: "binding_only" });
  });

  it("an unknown form of signer cannot be resolved", async () => {
    const text = await signAnything(valid, (envelope) => (envelope["signer_did"] = "did:web:cycles.example"));
    const report = await verifyEvidence(text);
    expect(report.disposition).toBe("signer_resolution_failed");
    expect(report.findings[0]?.code).toBe("unknown_signer_form");
  });

  it("a valid envelope about something else is not the wanted one", async () => {
    const { evidence_id: evidenceId } = JSON.parse(valid);
    const right = { evidenceId, serverId, artifactType: "commit", reservationId: "rsv_1", traceId: undefined };
    expect((await verifyEvidence(valid, { expected: right })).findings).toEqual([]);
    const wrong = { evidenceId: "0", serverId: "x", artifactType: "reserve", reservationId: "rsv_2", traceId: "y" };
    const report = await verifyEvidence(valid, { expected: wrong });
    expect(report.findings.map(({ kind, code }) => [kind, code])).toEqual([
      ["expectation", "unexpected_evidence_id"],
      ["expectation", "unexpected_server_id"],
      ["expectation", "unexpected_artifact_type"],
      ["expectation", "unexpected_reservation_id"],
      ["expectation", "unexpected_trace_id"],
    ]);
  });
});

describe("payload invariants", () => {
  const reserve = (response: JsonObject, more: JsonObject = {}): Promise<string> =>
    signed("reserve", { request: { ...request, ...more }, response: { affected_scopes: ["tenant"], ...response } });

  it("the payload is of the artifact type", async () => {
    const relabelled = await signAnything(valid, (envelope) => (envelope["artifact_type"] = "release"));
    expect(await codes(relabelled)).toEqual(["payload_mismatch"]);
    const doubled = await signAnything(valid, (envelope) => {
      Object.assign(envelope["payload"] as JsonObject, {
        release: {
          reservation_id: "r",
          request: { idempotency_key: "k" },
          response: { status: "RELEASED", released: { unit: "TOKENS", amount: 1 } },
        },
      });
    });
    expect(await codes(doubled)).toEqual(["payload_mismatch"]);
    expect(await codes(await signAnything(valid, (envelope) => (envelope["payload"] = {})))).toEqual([
      "payload_mismatch",
    ]);
  });

  it("a live reserve names its reservation and is no denial", async () => {
    expect(await codes(await reserve({ decision: "ALLOW", reservation_id: "r" }))).toEqual([]);
    expect(await codes(await reserve({ decision: "ALLOW" }))).toEqual(["missing_reservation_id"]);
    expect(await codes(await reserve({ decision: "DENY", reservation_id: "r" }))).toEqual(["live_denial"]);
    expect(await codes(await reserve({ decision: "DENY" }, { dry_run: false }))).toEqual(["live_denial"]);
  });

  it("a dry run reserves nothing", async () => {
    expect(await codes(await reserve({ decision: "DENY", reason_code: "BUDGET_EXCEEDED" }, { dry_run: true }))).toEqual(
      [],
    );
    expect(await codes(await reserve({ decision: "ALLOW" }, { dry_run: true }))).toEqual([]);
    expect(
      await codes(await reserve({ decision: "ALLOW", reservation_id: "r", expires_at_ms: 1 }, { dry_run: true })),
    ).toEqual(["dry_run_reserved", "dry_run_reserved"]);
  });

  it("caps come with ALLOW_WITH_CAPS and only then", async () => {
    const caps = { max_tokens: 10 };
    expect(await codes(await reserve({ decision: "ALLOW_WITH_CAPS", reservation_id: "r", caps }))).toEqual([]);
    expect(await codes(await reserve({ decision: "ALLOW_WITH_CAPS", reservation_id: "r" }))).toEqual(["caps_mismatch"]);
    expect(await codes(await reserve({ decision: "ALLOW", reservation_id: "r", caps }))).toEqual(["caps_mismatch"]);
    expect(await codes(await signed("decide", { request, response: { decision: "DENY", caps } }))).toEqual([
      "caps_mismatch",
    ]);
  });

  it.each(["commit", "release"])("a %s names its reservation", async (type) => {
    const text = await signed(type, { request: { idempotency_key: "k" }, response: {} });
    expect(await codes(text)).toContain("schema_violation");
  });

  it("an error names a reservation exactly where its endpoint has one", async () => {
    const response = { error: "BUDGET_EXCEEDED", message: "no", request_id: "q" };
    const error = (endpoint: string, more: JsonObject = {}): Promise<string> =>
      signed("error", { endpoint, http_status: 409, response, ...more });
    const commit = "POST /v1/reservations/{reservation_id}/commit";
    expect(await codes(await error("POST /v1/reservations"))).toEqual([]);
    expect(await codes(await error("POST /v1/decide", { request }))).toEqual([]);
    expect(await codes(await error(commit, { reservation_id: "r" }))).toEqual([]);
    expect(await codes(await error(commit))).toEqual(["missing_reservation_id"]);
    expect(await codes(await error("POST /v1/decide", { reservation_id: "r" }))).toEqual(["stray_reservation_id"]);
    expect(await codes(await error(commit, { reservation_id: "r", request }))).toContain("schema_violation");
    expect(await codes(await error("POST /v1/events"))).toEqual(["schema_violation"]);
    expect(await codes(await error("POST /v1/decide", { http_status: 200 }))).toEqual(["schema_violation"]);
  });

  it.each<[string, JsonObject]>([
    ["an unknown error code", { error: "ACTION_QUOTA_EXCEEDED", message: "m", request_id: "q" }],
    ["a transport member", { error: "FORBIDDEN", message: "m", request_id: "q", cycles_evidence: {} }],
  ])("mirrors are closed: %s", async (_name, response) => {
    expect(await codes(await signed("error", { endpoint: "POST /v1/decide", http_status: 403, response }))).toEqual([
      "schema_violation",
    ]);
  });

  it.each<[string, JsonObject]>([
    ["cycles_evidence", { cycles_evidence: { evidence_id: "x", cycles_evidence_url: "y" } }],
    ["remaining_ttl_ms", { remaining_ttl_ms: 5 }],
    ["a negative amount", { reserved: { unit: "TOKENS", amount: -1 } }],
    ["a fraction of a token", { reserved: { unit: "TOKENS", amount: 1.5 } }],
    ["an unknown unit", { reserved: { unit: "EUR", amount: 1 } }],
  ])("an attested reserve cannot hold %s", async (_name, more) => {
    expect(await codes(await reserve({ decision: "ALLOW", reservation_id: "r", ...more }))).toContain(
      "schema_violation",
    );
  });
});
