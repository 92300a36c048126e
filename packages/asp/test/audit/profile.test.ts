import { createHash } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { type Finding, type JsonObject, parseStrictJson } from "@imprest/core/audit";
import { describe, expect, it } from "vitest";
import {
  type AuditProfile,
  type ProfiledEvent,
  aspJcsV1,
  createAuditTrust,
  verifyAuditEvent,
  verifyAuditFeed,
} from "../../src/audit/index.ts";
import { line, reserveData, trustSigner } from "./support.ts";

// A profile for the audit rows of another authority, made of nothing but the public interface. Each row holds a CloudEvent and,
// apart from it, an Ed25519 signature over SHA-256 of the event in protobuf form.

const file = new URL("../../../../../shared/conformance/asp/spendguard-rows.json", import.meta.url);
const text = existsSync(file) ? readFileSync(file, "utf8") : undefined;
const { rows, public_key_hex: publicKey } = JSON.parse(text ?? '{"rows":[],"public_key_hex":""}') as {
  readonly rows: readonly { readonly payload: JsonObject; readonly sig: string }[];
  readonly public_key_hex: string;
};

type Kind = "text" | "bytes" | "whole" | "float" | "time";

/** The members of the event, by the numbers of their protobuf fields; each is written unless it is its default. */
const fields: readonly (readonly [number: number, member: string, kind: Kind])[] = [
  [1, "specversion", "text"],
  [2, "type", "text"],
  [3, "source", "text"],
  [4, "id", "text"],
  [5, "time_seconds", "time"],
  [6, "datacontenttype", "text"],
  [7, "data_b64", "bytes"],
  [100, "tenantid", "text"],
  [101, "runid", "text"],
  [102, "decisionid", "text"],
  [103, "schema_bundle_id", "text"],
  [200, "producer_id", "text"],
  [201, "producer_sequence", "whole"],
  [203, "signing_key_id", "text"],
  [300, "predicted_a_tokens", "whole"],
  [301, "predicted_b_tokens", "whole"],
  [302, "predicted_c_tokens", "whole"],
  [303, "reserved_strategy", "text"],
  [304, "prediction_strategy_used", "text"],
  [305, "prediction_policy_used", "text"],
  [306, "tokenizer_tier", "text"],
  [307, "tokenizer_version_id", "text"],
  [308, "prediction_confidence", "float"],
  [309, "prediction_sample_size", "whole"],
  [310, "cold_start_layer_used", "text"],
  [311, "run_projection_at_decision_atomic", "whole"],
  [312, "run_predicted_remaining_steps", "whole"],
  [313, "run_steps_completed_so_far", "whole"],
  [314, "actual_input_tokens", "whole"],
  [315, "actual_output_tokens", "whole"],
  [316, "delta_b_ratio", "float"],
  [317, "delta_c_ratio", "float"],
];
const members: ReadonlySet<string> = new Set([...fields.map(([, member]) => member), "time_nanos"]);

function varint(value: bigint): number[] {
  const bytes: number[] = [];
  let rest = BigInt.asUintN(64, value);
  for (; rest > 127n; rest >>= 7n) bytes.push(Number(rest & 127n) | 128);
  return [...bytes, Number(rest)];
}

const tag = (number: number, wire: number): number[] => varint(BigInt(number * 8 + wire));
const whole = (number: number, value: unknown): number[] =>
  value === 0 ? [] : [...tag(number, 0), ...varint(BigInt(value as number))];
const long = (number: number, bytes: Iterable<number>): number[] => {
  const content = [...bytes];
  return content.length === 0 ? [] : [...tag(number, 2), ...varint(BigInt(content.length)), ...content];
};

function encode(event: JsonObject): Uint8Array {
  const parts = fields.flatMap(([number, member, kind]) => {
    const value = event[member];
    switch (kind) {
      case "text":
        return long(number, Buffer.from(value as string));
      case "bytes":
        return long(number, Buffer.from(value as string, "base64"));
      case "whole":
        return whole(number, value);
      case "time":
        return long(number, [...whole(1, value), ...whole(2, event["time_nanos"])]);
      default: {
        if (value === 0) return [];
        const float = Buffer.alloc(4);
        float.writeFloatLE(value as number);
        return [...tag(number, 5), ...float];
      }
    }
  });
  return Uint8Array.from(parts);
}

const keysAt = "https://keys.demo.example";

/** One row a line; the sidecars of the demo are known to publish their keys at `keysAt`. */
const sidecarRows: AuditProfile = {
  name: "sidecar-rows",
  read(input, { maxBytes }): ProfiledEvent | Finding {
    const row = parseStrictJson(input, { maxBytes }) as unknown as (typeof rows)[number];
    const { payload, sig } = row;
    const strangers = Object.keys(payload).filter((member) => !members.has(member));
    if (strangers.length > 0) {
      // What the bytes leave out could be added to any row.
      return { kind: "schema", severity: "error", code: "unknown_member", message: `Unknown: ${strangers.join()}.` };
    }
    return {
      issuer: (payload["source"] as string).replace(/^sidecar:\/\/demo\/.*$/, keysAt),
      prefix: "spendguard",
      kid: payload["signing_key_id"] as string,
      atMs: Number(payload["time_seconds"]) * 1_000,
      signature: Uint8Array.from(Buffer.from(sig, "hex")),
      signed: payload,
      unsigned: Object.keys(row).filter((member) => member !== "payload" && member !== "sig"),
    };
  },
  signingInput: (signed) => createHash("sha256").update(encode(signed)).digest(),
};

const kid = rows[0]?.payload["signing_key_id"];
const jwk = { kty: "OKP", crv: "Ed25519", kid, x: Buffer.from(publicKey, "hex").toString("base64url") };
const trust = createAuditTrust({ origins: [keysAt], jwks: { [keysAt]: { keys: [jwk] } } });
const verify = (row: object) => verifyAuditEvent(JSON.stringify(row), { trust, profile: sidecarRows });

describe.skipIf(text === undefined)("a profile that the user gives, over the rows of another authority", () => {
  it.each(rows.map((row) => [row.payload["type"], row] as const))("%s is authentic", async (_type, row) => {
    const report = await verify(row);
    expect(report).toMatchObject({ disposition: "authentic", profile: "sidecar-rows", signed: row.payload });
    // There is no event of the draft in it: that is said, and nothing is made up.
    expect(report.findings.map(({ code, severity }) => [code, severity])).toEqual([["not_of_the_draft", "warning"]]);
    expect(report.event).toBeUndefined();
    expect(report.signature).toBe(Buffer.from(row.sig, "hex").toString("base64url"));
  });

  it("finds a change of any member of any row, and of the signature", async () => {
    for (const { payload, sig } of rows) {
      for (const [member, value] of Object.entries(payload)) {
        const other = typeof value === "number" ? value + 1 : member === "data_b64" ? "e30=" : `${value as string}x`;
        const { disposition } = await verify({ payload: { ...payload, [member]: other }, sig });
        expect([member, disposition]).toEqual([member, expect.not.stringMatching(/^authentic$/)]);
      }
      expect((await verify({ payload, sig: `${sig.slice(0, -2)}00` })).disposition).toBe("signature_invalid");
    }
  });

  it("reports what is not signed, and lets trust decide whose keys count", async () => {
    const [row] = rows;
    const relayed = await verify({ ...row, relayed_by: "somebody" });
    expect(relayed.findings.map(({ code }) => code)).toContain("unsigned_attribute");
    const more = await verify({ ...row, payload: { ...row?.payload, added: 1 } });
    expect(more).toMatchObject({ disposition: "signature_invalid", findings: [{ code: "unknown_member" }] });
    const stranger = { ...row, payload: { ...row?.payload, source: "sidecar://other/one" } };
    expect((await verify(stranger)).disposition).toBe("signer_resolution_failed");
    const late = createAuditTrust({
      origins: [keysAt],
      jwks: { [keysAt]: { keys: [{ ...jwk, exp: 1_795_875_016 }] } },
    });
    const retired = await verifyAuditEvent(JSON.stringify(rows[2]), { trust: late, profile: sidecarRows });
    expect(retired.disposition).toBe("signer_authority_failed");
  });

  it("verifies a feed of them line by line, and the auditor takes none for an event of the draft", async () => {
    const source = (async function* () {
      for (const row of rows) yield new TextEncoder().encode(`${JSON.stringify(row)}\n`);
    })();
    const reports = verifyAuditFeed(source, { trust, profile: sidecarRows });
    let next = await reports.next();
    for (; !next.done; next = await reports.next()) expect(next.value.report.disposition).toBe("authentic");
    expect(next.value).toMatchObject({ events: 0, decisions: 0 });
  });
});

describe("the profile of the draft", () => {
  it("is such an object, and another of the same reading may sign other bytes", async () => {
    const text = await line("reserve", 1, reserveData());
    const read = aspJcsV1.read(text, {});
    if ("code" in read) throw new Error(read.code);
    expect(read).toMatchObject({ issuer: "https://authority.example/asp", kid: "k1", draft: { suffix: "reserve" } });
    const trusted = { trust: await trustSigner() };
    expect((await verifyAuditEvent(text, trusted)).event?.suffix).toBe("reserve");
    const hashed = { ...aspJcsV1, name: "hashed", signingInput: async () => new Uint8Array(32) };
    expect((await verifyAuditEvent(text, { ...trusted, profile: hashed })).disposition).toBe("signature_invalid");
  });
});
