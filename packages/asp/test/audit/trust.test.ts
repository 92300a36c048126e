import type { Transport } from "@imprest/core";
import { type Jwk, keyPairFromSeed, publicKeyToJwk } from "@imprest/core/audit";
import { beforeAll, describe, expect, it } from "vitest";
import { type AuditTrustOptions, createAuditTrust, signAuditEvent, verifyAuditEvent } from "../../src/audit/index.ts";
import { decisionId, line, origin, reserveData, signer, startMs } from "./support.ts";

const other = "https://other.example";
let key: Jwk;
beforeAll(async () => {
  key = publicKeyToJwk((await keyPairFromSeed(signer.privateKey)).publicKey, "k1");
});

async function judge(text: string, jwks: Record<string, unknown>, more: Partial<AuditTrustOptions> = {}) {
  const trust = createAuditTrust({ origins: [origin, other], jwks, ...more });
  const { disposition, findings } = await verifyAuditEvent(text, { trust });
  return `${disposition} ${findings.map(({ code }) => code).join()}`.trim();
}

/** Answers every request for keys with this set. */
function publishing(keys: readonly Jwk[], status = 200): Partial<AuditTrustOptions> {
  const transport: Transport = async () => ({ status, headers: {}, body: JSON.stringify({ keys }) });
  return { fetchKeys: true, transport };
}

describe("createAuditTrust", () => {
  it("takes a key for its own issuer alone", async () => {
    const own = await line("reserve", 1, reserveData());
    expect(await judge(own, { [origin]: { keys: [key] } })).toBe("authentic");
    expect(await judge(own, { [other]: { keys: [key] } })).toBe("signer_resolution_failed no_keys");
    expect(await judge(own, { [other]: { keys: [key] }, [origin]: { keys: [] } })).toBe(
      "signer_authority_failed unknown_key",
    );
  });

  it("refuses keys of an origin that is not trusted, an origin named twice, and one kid for two keys", async () => {
    const stranger = publicKeyToJwk((await keyPairFromSeed(new Uint8Array(32).fill(9))).publicKey, "k1");
    const trust = (jwks: Record<string, unknown>) => () => createAuditTrust({ origins: [origin], jwks });
    expect(trust({ [other]: { keys: [key] } })).toThrow("keys of https://other.example");
    expect(trust({ [`${origin}/asp`]: { keys: [key] } })).toThrow("which is none of origins");
    expect(trust({ [origin]: { keys: [key] }, [`${origin}/`]: { keys: [key] } })).toThrow("twice");
    expect(trust({ [origin]: { keys: [key, stranger] } })).toThrow('the key "k1"');
  });

  it("takes a key that is listed twice as one", async () => {
    const own = await line("reserve", 1, reserveData());
    expect(await judge(own, { [origin]: { keys: [key, { ...key, use: "sig" }] } })).toBe("authentic");
  });

  it.each([
    ["before its end", { exp: startMs / 1_000 + 0.001 }, "authentic"],
    ["at its end", { exp: startMs / 1_000 }, "signer_authority_failed outside_window"],
    ["a day after its end", { exp: startMs / 1_000 - 86_400 }, "signer_authority_failed outside_window"],
    ["at its beginning", { nbf: startMs / 1_000 }, "authentic"],
    ["before its beginning", { nbf: startMs / 1_000 + 0.001 }, "signer_authority_failed outside_window"],
    ["with an end that is null", { exp: null }, "authentic"],
    ["with an end that cannot be read", { exp: "2026-06-01" }, "signer_authority_failed unusable_key"],
  ])("judges an event that a key signed %s", async (_when, window, verdict) => {
    expect(await judge(await line("reserve", 1, reserveData()), { [origin]: { keys: [{ ...key, ...window }] } })).toBe(
      verdict,
    );
  });

  it("takes no event without a time from a key that has an end", async () => {
    const signed = await signAuditEvent("reserve", { decision_id: decisionId(1), ...reserveData() }, signer, startMs);
    const undated = signed.replace(/"event_time":"[^"]*"/, '"event_time":"yesterday"');
    expect(await judge(undated, { [origin]: { keys: [{ ...key, exp: startMs / 1_000 + 60 }] } })).toBe(
      "signer_authority_failed outside_window",
    );
  });

  it("enforces the end that the issuer has published since the key was saved", async () => {
    const jwks = { [origin]: { keys: [key] } };
    const own = await line("reserve", 1, reserveData());
    expect(await judge(own, jwks, publishing([key]))).toBe("authentic");
    expect(await judge(own, jwks, publishing([{ ...key, exp: startMs / 1_000 - 1 }]))).toBe(
      "signer_authority_failed outside_window",
    );
    const stranger = publicKeyToJwk((await keyPairFromSeed(new Uint8Array(32).fill(9))).publicKey, "k1");
    expect(await judge(own, jwks, publishing([stranger]))).toBe("signer_authority_failed key_conflict");
    // What is no longer published, or cannot be fetched, is as it was given.
    expect(await judge(own, jwks, publishing([]))).toBe("authentic");
    expect(await judge(own, jwks, publishing([], 503))).toBe("authentic");
    expect(await judge(own, {}, publishing([key]))).toBe("authentic");
  });
});

describe("what an event is expected to be about", () => {
  const source = `${origin}/asp/acme`;

  async function codes(expected: object, suffix: "reserve" | "commit" = "reserve"): Promise<string[]> {
    const commit = { reservation_id: "R1", amount_atomic_observed: "1000", exact_match: true };
    const data = { decision_id: decisionId(1), ...(suffix === "reserve" ? reserveData() : commit) };
    const text = await signAuditEvent(suffix, data, { ...signer, source }, startMs);
    const trust = createAuditTrust({ origins: [origin], jwks: { [origin]: { keys: [key] } } });
    const report = await verifyAuditEvent(text, { trust, expected });
    expect(report.disposition).toBe("authentic");
    return report.findings.map(({ code, severity }) => `${severity} ${code}`);
  }

  it("is held to its source, its tenant and its budget", async () => {
    expect(await codes({ source, tenant: "acme", budgetId: "team", decisionId: decisionId(1).toUpperCase() })).toEqual(
      [],
    );
    expect(await codes({ tenant: "evil" })).toEqual(["error unexpected_tenant"]);
    expect(await codes({ source: `${origin}/asp/evil` })).toEqual(["error unexpected_source"]);
    expect(await codes({ budgetId: "teams" })).toEqual(["error unexpected_budget_id"]);
  });

  it("is held to its reservation, and says where its budget is not named", async () => {
    expect(await codes({ reservationId: "R1" }, "commit")).toEqual([]);
    // Only a UUID is the same in another case.
    expect(await codes({ reservationId: "r1" }, "commit")).toEqual(["error unexpected_reservation_id"]);
    expect(await codes({ budgetId: "team" }, "commit")).toEqual(["warning budget_not_named"]);
  });

  it("is refused with a member that nothing would be compared with", async () => {
    await expect(codes({ budget: "team" })).rejects.toThrow("expected has budget; an event is held to source, tenant");
  });
});
