import { ValidationError } from "@imprest/core";
import { hex, parseWire, stringifyJson } from "@imprest/core/internal";
import {
  type Ed25519KeyPair,
  type JsonObject,
  StrictJsonError,
  canonicalize,
  parseStrictJson,
  signEd25519,
} from "@imprest/core/audit";
import {
  type ArtifactType,
  type EvidencePayload,
  artifactTypes,
  evidenceEnvelope,
  evidenceSchemaVersion,
} from "@imprest/core/models/cycles";
import { invariantFindings } from "./invariants.ts";
import { evidenceSignerDid } from "./signer.ts";
import { evidenceIdOf, hashInput, signingInput } from "./signing-input.ts";

/** What an authority states. */
export interface EvidenceStatement {
  /** Exactly one member; it decides the artifact type. Transport members of the answer are already left out. */
  readonly payload: EvidencePayload;
  /** Epoch milliseconds on the authority's clock. */
  readonly issuedAtMs: number;
  /** 32 lower-case hex digits. */
  readonly traceId?: string | undefined;
}

/** Who states it. */
export interface EvidenceIssuer {
  /** The authority's stable URI; its exact bytes are its identity. */
  readonly serverId: string;
  readonly keyPair: Ed25519KeyPair;
  /** Under which the key is published; without one the envelope names the key itself. */
  readonly kid?: string | undefined;
}

/** A signed envelope. */
export interface SignedEvidence {
  readonly evidenceId: string;
  /** The canonical envelope, to be stored and served as it is. */
  readonly text: string;
}

/**
 * Builds and signs an evidence envelope (Cycles evidence §CyclesEvidence).
 * @throws ValidationError for a statement that no verifier would take, an amount that JCS would change among them.
 */
export async function signEvidence(statement: EvidenceStatement, issuer: EvidenceIssuer): Promise<SignedEvidence> {
  const { serverId, keyPair, kid } = issuer;
  const unsigned = checked({
    schema_version: evidenceSchemaVersion,
    artifact_type: artifactTypeOf(statement.payload),
    server_id: serverId,
    signer_did: await evidenceSignerDid(serverId, keyPair.publicKey, kid),
    issued_at_ms: statement.issuedAtMs,
    trace_id: statement.traceId,
    payload: statement.payload,
  });
  const hashed = hashInput(unsigned);
  const evidenceId = await evidenceIdOf(hashed);
  const signature = hex(await signEd25519(keyPair.privateKey, signingInput(unsigned, hashed, evidenceId)));
  return { evidenceId, text: canonicalize({ ...unsigned, evidence_id: evidenceId, signature }) };
}

function artifactTypeOf(payload: EvidencePayload): ArtifactType {
  const [type, ...others] = artifactTypes.filter((name) => payload[name] !== undefined);
  if (type !== undefined && others.length === 0) return type;
  throw new ValidationError("evidence statement", [{ pointer: "/payload", message: "must have exactly one member" }]);
}

/** The value as plain JSON; a bigint becomes a number only where none is changed by it. */
function exactJson(value: object): JsonObject {
  try {
    return parseStrictJson(stringifyJson(value), { maxBytes: Number.MAX_SAFE_INTEGER }) as JsonObject;
  } catch (error) {
    if (!StrictJsonError.isInstance(error)) throw error;
    const message = `cannot be stated exactly in canonical JSON (${error.reason})`;
    throw new ValidationError("evidence statement", [{ pointer: "", message }], { cause: error });
  }
}

/**
 * What is signed: nothing that this package's own verifier would object to, and absent members left out, not `null`.
 * @throws ValidationError.
 */
function checked(statement: object): JsonObject {
  const sample = { ...exactJson(statement), evidence_id: "0".repeat(64), signature: "0".repeat(128) };
  const envelope = parseWire(evidenceEnvelope, sample, "evidence statement");
  const findings = invariantFindings(envelope, envelope.payload);
  if (findings.length > 0) {
    const issues = findings.map(({ pointer = "", message }) => ({ pointer, message }));
    throw new ValidationError("evidence statement", issues);
  }
  const { evidence_id: _id, signature: _signature, ...unsigned } = envelope;
  return exactJson(unsigned);
}
