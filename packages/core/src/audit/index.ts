export { canonicalize } from "./canonicalize.ts";
export { type Ed25519KeyPair, generateKeyPair, keyPairFromSeed, signEd25519, verifyEd25519 } from "./ed25519.ts";
export {
  type Jwk,
  type PrivateJwk,
  type PublicJwk,
  keyPairFromJwk,
  keyPairToJwk,
  publicKeyFromJwk,
  publicKeyToJwk,
} from "./jwk.ts";
export type { KeyLookup, KeyProblem, KeyQuery, KeyWindow, VerificationKey } from "./key-lookup.ts";
export { type Jwks, type KeySet, type KeySetOptions, createKeySet } from "./key-set.ts";
export { type NamedKeySet, mergeKeySets } from "./merge-key-sets.ts";
export type { RemoteKeySet, RemoteKeySetOptions } from "./key-trust.ts";
export { createRemoteKeySet } from "./remote-key-set.ts";
export {
  type Disposition,
  type Finding,
  type FindingKind,
  type VerificationReport,
  hasErrors,
  signerFinding,
  syntaxFinding,
} from "./report.ts";
export { sha256Hex } from "./sha256.ts";
export { StrictJsonError, type StrictJsonCode, type TextPosition, positionAt } from "./strict-json-error.ts";
export { type JsonObject, type JsonValue, type StrictJsonOptions, parseStrictJson } from "./strict-json.ts";
export { TrustedOrigins } from "./trusted-origins.ts";
export { type EventSigner, signAuditEvent, signatureAttribute } from "./sign-audit-event.ts";
export { type LineReport, type VerifyLinesOptions, verifyLines } from "./verify-lines.ts";
