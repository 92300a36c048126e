export { type EvidenceExpectation, reservationIdOf } from "./expectation.ts";
export { type FetchEvidenceOptions, fetchEvidence } from "./fetch-evidence.ts";
export { type EvidenceIssuer, type EvidenceStatement, type SignedEvidence, signEvidence } from "./sign-evidence.ts";
export {
  type EvidenceJwk,
  type EvidenceSigner,
  evidenceJwk,
  evidenceJwksUrl,
  evidenceKeyWindow,
  evidenceSignerDid,
  parseEvidenceSigner,
} from "./signer.ts";
export { type EvidenceReport, type VerifyEvidenceOptions, verifyEvidence } from "./verify-evidence.ts";
