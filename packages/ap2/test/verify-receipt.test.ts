import { usdMicrocents } from "@imprest/core";
import { type Ed25519KeyPair, createRemoteKeySet, generateKeyPair } from "@imprest/core/audit";
import { evidenceJwk, evidenceJwksUrl, signEvidence } from "@imprest/cycles/evidence";
import { type PaymentReceipt, withReservation } from "@imprest/ap2";
import { embedEvidence, verifyReceipt } from "@imprest/ap2/verify";
import { beforeAll, describe, expect, it } from "vitest";
import { createHarness, makeTerms } from "./support/harness.ts";

const serverId = "https://authority.example/v1";
let keyPair: Ed25519KeyPair;
let keys: ReturnType<typeof createRemoteKeySet>;

beforeAll(async () => {
  keyPair = await generateKeyPair();
  const bundle = { [evidenceJwksUrl(serverId)]: { keys: [evidenceJwk(keyPair.publicKey, "k", { notBeforeMs: 0 })] } };
  keys = createRemoteKeySet({ trustedOrigins: [], bundle });
});

/** A receipt of a real payment, whose authority keeps signed evidence of the commit. */
async function paid(
  change: { readonly reservationId?: string; readonly amount?: bigint } = {},
): Promise<PaymentReceipt> {
  const { cycles, authority } = createHarness();
  const actual = usdMicrocents(change.amount ?? 19_900_000_000n);
  const commit = {
    reservation_id: change.reservationId ?? "rsv_1",
    request: { idempotency_key: "k", actual },
    response: { status: "COMMITTED" as const, charged: actual },
  };
  const signed = await signEvidence({ issuedAtMs: Date.now(), payload: { commit } }, { serverId, keyPair, kid: "k" });
  const reference = { evidence_id: signed.evidenceId, cycles_evidence_url: "https://authority.example/evidence/1" };
  cycles.fault = (operation) =>
    operation === "commit" ? { answer: (real) => ({ ...real, cycles_evidence: reference }) } : undefined;
  const {
    settlement: { receipt },
  } = await withReservation(authority, makeTerms(), () => {});
  if (receipt === undefined) throw new Error("no receipt");
  const transport = async () => ({ status: 200, headers: {}, body: signed.text });
  return embedEvidence(receipt, { trustedOrigins: ["https://authority.example"], transport });
}

describe("receipts that a third party can check", () => {
  it("the authority's evidence is fetched, embedded and verified", async () => {
    expect(await verifyReceipt(await paid(), { keys })).toMatchObject({ disposition: "authentic", findings: [] });
  });
  it.each([
    ["another reservation", { reservationId: "rsv_2" }, "unexpected_reservation_id"],
    ["another amount", { amount: 1n }, "other_amount"],
  ])("evidence of %s proves nothing for this payment", async (_, change, code) => {
    const { findings } = await verifyReceipt(await paid(change), { keys });
    expect(findings.map((found) => found.code)).toContain(code);
  });
  it("an altered envelope is invalid", async () => {
    const receipt = await paid();
    const envelope = receipt.evidence?.envelope?.replace("19900000000", "99900000000");
    const altered = { ...receipt, evidence: { evidence_id: "", ...receipt.evidence, envelope } };
    expect((await verifyReceipt(altered, { keys })).disposition).toBe("signature_invalid");
  });
  it("a receipt without evidence says that it proves nothing", async () => {
    const { authority } = createHarness();
    const {
      settlement: { receipt },
    } = await withReservation(authority, makeTerms(), () => {});
    const complete = await embedEvidence(receipt as PaymentReceipt, { trustedOrigins: [] });
    expect(complete).toBe(receipt);
    expect(await verifyReceipt(complete, { keys })).toMatchObject({ findings: [{ code: "no_evidence" }] });
  });
  it("a denial's receipt with the evidence of a commit is not a denial's", async () => {
    const { findings } = await verifyReceipt({ ...(await paid()), committed: false }, { keys });
    expect(findings.map((found) => found.code)).toContain("other_operation");
  });
});
