// Signs the evidence of a commit as an authority does, then verifies it as an auditor does, offline.
import { usdMicrocents } from "@imprest/core";
import { createRemoteKeySet, generateKeyPair, hasErrors } from "@imprest/core/audit";
import { evidenceJwk, evidenceJwksUrl, signEvidence, verifyEvidence } from "@imprest/cycles/evidence";

const serverId = "https://cycles.example/v1";
const keyPair = await generateKeyPair();
const publishedKeys = { keys: [evidenceJwk(keyPair.publicKey, "2026-11", { notBeforeMs: 0 })] };
const signed = await signEvidence(
  {
    issuedAtMs: Date.now(),
    payload: {
      commit: {
        reservation_id: "rsv_1",
        request: { idempotency_key: "call-1", actual: usdMicrocents(1_750_000n) },
        response: { status: "COMMITTED", charged: usdMicrocents(1_750_000n) },
      },
    },
  },
  { serverId, keyPair, kid: "2026-11" },
);

// With `--altered` the envelope arrives with another amount than was signed.
const text = process.argv.includes("--altered") ? signed.text.replace("1750000", "9750000") : signed.text;

// #region verify
const keys = createRemoteKeySet({
  trustedOrigins: [], // nothing is fetched; name origins here to fetch their published keys
  bundle: { [evidenceJwksUrl(serverId)]: publishedKeys },
});
const report = await verifyEvidence(text, { keys, expected: { reservationId: "rsv_1" } });
if (report.disposition === "authentic" && !hasErrors(report)) {
  console.log("charged", report.envelope?.payload.commit?.response.charged.amount);
} else {
  console.log(report.disposition, report.findings);
}
// #endregion
