import { existsSync, readFileSync } from "node:fs";
import { base64url, parseBase64url } from "@imprest/core/internal";
import { type JsonValue, hasErrors, signEd25519 } from "@imprest/core/audit";
import { beforeAll, describe, expect, it } from "vitest";
import {
  type AuditEventReport,
  type AuditTrust,
  aspJcsV1,
  createAuditTrust,
  verifyAuditEvent,
} from "../../src/audit/index.ts";
import { line, origin, reserveData, signer, startMs, trustSigner } from "./support.ts";

interface Vector {
  readonly name: string;
  readonly event: Record<string, unknown>;
  readonly raw?: string;
  readonly signing_input: string;
  readonly signature_b64url: string;
  readonly expect: string;
}

const file = new URL("../../../../../shared/conformance/asp/signed-events.json", import.meta.url);
const data = existsSync(file) ? (JSON.parse(readFileSync(file, "utf8")) as Record<string, never>) : undefined;
const vectors = (name: string): readonly Vector[] => data?.[name] ?? [];

function accepted(report: AuditEventReport): boolean {
  return report.disposition === "authentic" && !hasErrors(report);
}

function codes(report: AuditEventReport): string[] {
  return report.findings.map(({ code }) => code);
}

describe.skipIf(data === undefined)("the vectors of signed-events.json", () => {
  let trust: AuditTrust;
  beforeAll(() => {
    trust = createAuditTrust({ origins: [origin], jwks: { [origin]: data?.["jwks"] } });
  });
  const verify = (text: string, signature: string): Promise<AuditEventReport> =>
    verifyAuditEvent(text, { trust, signature: parseBase64url(signature) });

  it.each(vectors("valid"))("$name is authentic", async ({ event, signature_b64url, name }) => {
    const report = await verify(JSON.stringify(event), signature_b64url);
    expect(report).toMatchObject({ disposition: "authentic", findings: [], profile: "asp-jcs-v1" });
    expect(report.event?.suffix).toBe(name);
  });

  const reasons: Readonly<Record<string, { readonly disposition: string; readonly code: string }>> = {
    signature: { disposition: "signature_invalid", code: "bad_signature" },
    "signature|untrusted issuer": { disposition: "signer_resolution_failed", code: "origin_not_trusted" },
    "schema:kid": { disposition: "signature_invalid", code: "missing_kid" },
    "schema:time": { disposition: "signature_invalid", code: "missing_member" },
    "unknown kid": { disposition: "signer_authority_failed", code: "unknown_key" },
    "valid; tenantid unsigned": { disposition: "authentic", code: "unsigned_attribute" },
  };
  it.each(vectors("invalid"))("$name", async ({ event, signature_b64url, expect: reason }) => {
    const report = await verify(JSON.stringify(event), signature_b64url);
    expect(reasons[reason]).toEqual({ disposition: report.disposition, code: codes(report)[0] });
    expect(accepted(report)).toBe(reason.startsWith("valid"));
  });

  it.each(vectors("rawInvalid"))("$name is refused at parse", async (vector) => {
    const text = vector.raw ?? JSON.stringify(vector.event);
    const report = await verify(text, vector.signature_b64url ?? "A".repeat(86));
    expect(report.disposition).toBe("signature_invalid");
    expect(report.findings[0]?.kind).toBe("syntax");
  });

  it.each(vectors("valid"))(
    "no bit of $name can be flipped, in the text or in the signature",
    { timeout: 60_000 },
    async ({ event, signature_b64url }) => {
      const whole = new TextEncoder().encode(JSON.stringify({ ...event, aspsignature: signature_b64url }));
      for (let at = 0; at < whole.length; at += 1) {
        const flips = Array.from({ length: 8 }, async (_, bit) => {
          const flipped = whole.slice();
          flipped[at] = (flipped[at] ?? 0) ^ (1 << bit);
          return accepted(await verifyAuditEvent(flipped, { trust }));
        });
        expect(await Promise.all(flips), `byte ${at}`).toEqual(Array.from({ length: 8 }, () => false));
      }
    },
  );
});

describe("verifyAuditEvent", () => {
  let trust: AuditTrust;
  let good: string;
  beforeAll(async () => {
    trust = await trustSigner();
    good = await line("reserve", 1, reserveData());
  });
  const verify = (text: string): Promise<AuditEventReport> => verifyAuditEvent(text, { trust });
  const changed = (change: (event: Record<string, unknown>) => void): Promise<AuditEventReport> => {
    const event = JSON.parse(good) as Record<string, unknown>;
    change(event);
    return verify(JSON.stringify(event));
  };

  it("hands out the signed fields and nothing else", async () => {
    const report = await changed((event) => Object.assign(event, { subject: "x", tenantid: "evil" }));
    expect(report.disposition).toBe("authentic");
    expect(Object.keys(report.signed ?? {})).toEqual(["data", "datacontenttype", "id", "source", "time", "type"]);
    expect(report.event).not.toHaveProperty("tenantid");
    expect(report.unsigned).toEqual(["specversion", "subject", "tenantid"]);
    expect(report.event).toMatchObject({ suffix: "reserve", data: { amount_atomic_reserved: 1000n } });
  });

  it.each([
    ["2026-06-01T12:00:00Z", "milliseconds cut off"],
    ["2026-06-01T12:00:00.000+00:00", "the offset written out"],
  ])("says so when a relay rewrote the time (%s: %s)", async (time) => {
    const report = await changed((event) => (event["time"] = time));
    expect(report.disposition).toBe("signature_invalid");
    expect(codes(report)).toEqual(["time_reformatted"]);
  });

  it.each<[number, string, Record<string, unknown>]>([
    [4, "missing_member", { datacontenttype: undefined }],
    [4, "missing_member", { time: null }],
    [5, "binary_data", { data_base64: "e30=" }],
    [5, "not_json", { datacontenttype: "text/plain" }],
    [6, "kid_conflict", { kid: "other" }],
    [7, "unknown_type", { type: "org.agentspend.audit.settle" }],
    [7, "unknown_type", { type: "audit.commit" }],
    [7, "unknown_type", { type: "Org.Agentspend.audit.commit" }],
    [7, "unknown_type", { type: "org..agentspend.audit.commit" }],
    [8, "origin_not_trusted", { source: "https://authority.example@evil.com/asp" }],
    [8, "origin_not_trusted", { source: "https://u:p@authority.example/asp" }],
    [8, "origin_not_trusted", { source: "https://authority.example/asp#x" }],
    [8, "origin_not_trusted", { source: "https://evil.com\\@authority.example/asp" }],
    [9, "origin_not_trusted", { source: "sidecar://region/wl" }],
    [9, "origin_not_trusted", { source: "http://authority.example/asp" }],
    [9, "origin_not_trusted", { source: "data:,x" }],
  ])("asp 2.5 %i: refused as %s", async (_row, code, change) => {
    const report = await changed((event) => Object.assign(event, change));
    expect(report.disposition).not.toBe("authentic");
    expect(codes(report)).toEqual([code]);
    expect(report.signed).toBeUndefined();
  });

  it("a prefix that is pinned to another origin is not this origin's to use", async () => {
    const pinned = createAuditTrust({ origins: [origin], prefixes: { "org.agentspend": "https://other.example" } });
    const report = await verifyAuditEvent(good, { trust: pinned });
    expect(report.disposition).toBe("signer_authority_failed");
    expect(codes(report)).toEqual(["prefix_not_of_origin"]);
  });

  it("without fetchKeys nothing is fetched, whatever the source says", async () => {
    let asked = 0;
    const transport = (): never => {
      asked += 1;
      throw new Error("network");
    };
    for (const origins of [[origin], ["https://2130706433"]]) {
      const lonely = createAuditTrust({ origins, transport });
      const report = await verifyAuditEvent(good, { trust: lonely });
      expect(report.disposition).toBe("signer_resolution_failed");
    }
    expect(asked).toBe(0);
  });

  it("only text or bytes are taken, never an object that was parsed elsewhere", async () => {
    const parsed = JSON.parse(good) as never;
    await expect(verify(parsed)).rejects.toThrow();
  });

  it("a valid event of another budget or decision is not what was asked for", async () => {
    const other = { budgetId: "other", decisionId: "018f6b2e-7c1a-7000-8000-000000000009" };
    const report = await verifyAuditEvent(good, { trust, expected: other });
    expect(report.disposition).toBe("authentic");
    expect(codes(report)).toEqual(["unexpected_budget_id", "unexpected_decision_id"]);
  });

  it.each([
    ["commit", { refund_amount_atomic: "1", charge_amount_atomic: "1" }, "ambiguous_settlement"],
    ["commit", {}, "ambiguous_settlement"],
    ["commit", { refund_amount_atomic: "-1" }, "schema_violation"],
    ["commit", { refund_amount_atomic: 1 }, "schema_violation"],
    ["overage_rejected", { amount_atomic_reserved: "5", overage_amount_atomic: "4" }, "amounts_do_not_add_up"],
    ["bypassed", { bypass_reason: "felt_like_it" }, "schema_violation"],
  ] as const)("a well signed %s with %o is authentic, and wrong (%s)", async (suffix, wrong, code) => {
    const text = await line(suffix, 1, { reservation_id: "r", amount_atomic_observed: "10", ...wrong });
    const report = await verify(text);
    expect(report.disposition).toBe("authentic");
    expect(codes(report)).toEqual([code]);
  });

  it("an event from the future, and one whose two times are apart, are flagged", async () => {
    const future = await verify(await line("reserve", 1, reserveData(), { atMs: Date.now() + 3_600_000 }));
    expect(codes(future)).toEqual(["future_event"]);
    expect(hasErrors(future)).toBe(false);

    const skewed = JSON.parse(good) as Record<string, JsonValue>;
    skewed["time"] = new Date(startMs + 301_000).toISOString();
    const signature = await signEd25519(signer.privateKey, await aspJcsV1.signingInput(skewed));
    const apart = await verify(JSON.stringify({ ...skewed, aspsignature: base64url(signature) }));
    expect(apart.disposition).toBe("authentic");
    expect(codes(apart)).toEqual(["time_skew"]);
    expect(hasErrors(apart)).toBe(false);
  });

  it("a key that may be stolen verifies nothing dated since", async () => {
    const event = JSON.parse(good) as { data: { kid: string } };
    const publicKey = "79b5562e8fe654f94078b112e8a98ba7901f853ae695bed7e0e3910bad049664";
    const { x } = { x: Buffer.from(publicKey, "hex").toString("base64url") };
    const jwks = { [origin]: { keys: [{ kty: "OKP", crv: "Ed25519", kid: event.data.kid, x }] } };
    const before = createAuditTrust({ origins: [origin], jwks, notAfterMs: { [publicKey]: startMs + 1 } });
    const since = createAuditTrust({ origins: [origin], jwks, notAfterMs: { [publicKey]: startMs } });
    expect((await verifyAuditEvent(good, { trust: before })).disposition).toBe("authentic");
    expect(codes(await verifyAuditEvent(good, { trust: since }))).toEqual(["revoked_key"]);
  });

  it("a signature given apart must be the one attached", async () => {
    const report = await verifyAuditEvent(good, { trust, signature: new Uint8Array(64) });
    expect(codes(report)).toEqual(["signature_conflict"]);
    expect(codes(await changed((event) => delete event["aspsignature"]))).toEqual(["missing_signature"]);
  });

  it("the operator's profile decides what is signed, not the event", async () => {
    const other = { ...aspJcsV1, name: "of-nothing", signingInput: () => new Uint8Array(0) };
    const report = await verifyAuditEvent(good, { trust, profile: other });
    expect(report).toMatchObject({ disposition: "signature_invalid", profile: "of-nothing" });
  });
});
