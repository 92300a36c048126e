import { createHash } from "node:crypto";
import { hex, utf8 } from "@imprest/core/internal";
import { type JsonObject, canonicalize, hasErrors, keyPairFromSeed, parseStrictJson } from "@imprest/core/audit";
import { signEvidence, verifyEvidence } from "@imprest/cycles/evidence";
import type { EvidencePayload } from "@imprest/core/models/cycles";
import { describe, expect, it } from "vitest";
import { isMissing, namesIn, textOf } from "./shared.ts";

describe.skipIf(isMissing)("the published Cycles evidence fixtures", () => {
  const names = namesIn("cycles/evidence/");
  const read = (name: string): string => textOf(`cycles/evidence/${name}`);
  const signer = "ec52b49b81eb29ef6f62947cade245c715bf943b7ef2a5f2789288574466fc43";

  it("are thirteen", () => {
    expect(names).toHaveLength(13);
  });

  it.each(names)("%s is canonical, and verifies without a finding", async (name) => {
    const text = read(name);
    const parsed = parseStrictJson(text) as JsonObject;
    expect(`${canonicalize(parsed)}\n`).toBe(text);
    const report = await verifyEvidence(utf8(text), { expectedSigner: signer });
    expect(report).toMatchObject({ disposition: "binding_only", findings: [], signerPinMatched: true });
    expect(report.envelope?.evidence_id).toBe(parsed["evidence_id"]);
  });

  it.each(names)("%s is what signing its payload with the published seed gives", async (name) => {
    const envelope = parseStrictJson(read(name)) as JsonObject;
    const seed = createHash("sha256").update("cycles-evidence-v0.1-fixture-signer").digest();
    const keyPair = await keyPairFromSeed(new Uint8Array(seed));
    expect(hex(keyPair.publicKey)).toBe(signer);
    const report = await verifyEvidence(read(name));
    const signed = await signEvidence(
      {
        payload: report.envelope?.payload as EvidencePayload,
        issuedAtMs: envelope["issued_at_ms"] as number,
        traceId: envelope["trace_id"] as string | undefined,
      },
      { serverId: "https://cycles.example.com/v1", keyPair },
    );
    expect(`${signed.text}\n`).toBe(read(name));
  });

  it.each(names)(
    "no bit of %s can be flipped",
    async (name) => {
      const bytes = utf8(read(name).trimEnd());
      const flips = Array.from({ length: bytes.length * 8 }, async (_, bit) => {
        const mutant = bytes.slice();
        mutant[bit >> 3] = (mutant[bit >> 3] ?? 0) ^ (1 << (bit & 7));
        const report = await verifyEvidence(mutant, { expectedSigner: signer });
        return report.disposition === "signature_invalid" && hasErrors(report) && report.envelope === undefined;
      });
      const refused = await Promise.all(flips);
      expect(refused.indexOf(false)).toBe(-1);
    },
    60_000,
  );
});
