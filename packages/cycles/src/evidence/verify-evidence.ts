import { type CallOptions } from "@imprest/core";
import { parseHex } from "@imprest/core/internal";
import {
  type Disposition,
  type Finding,
  type KeyLookup,
  type RemoteKeySet,
  type VerificationReport,
  signerFinding,
  verifyEd25519,
} from "@imprest/core/audit";
import type { EvidenceEnvelope } from "@imprest/core/models/cycles";
import { type EvidenceExpectation, expectationFindings } from "./expectation.ts";
import { type ReadEvidence, readContent, readEvidence } from "./read-evidence.ts";
import { evidenceJwksUrl, evidenceKeyWindow, parseEvidenceSigner, serverHash } from "./signer.ts";
import { evidenceIdOf, hashInput, signingInput } from "./signing-input.ts";

/** Whose keys are believed, and what the envelope is held to. */
export interface VerifyEvidenceOptions extends Pick<CallOptions, "signal"> {
  /**
   * The published keys of the servers that are trusted. Without them nothing is fetched, and a valid signature is at
   * best `binding_only`.
   */
  readonly keys?: RemoteKeySet | undefined;
  /** The `signer_did` that is known beforehand to be the server's. */
  readonly expectedSigner?: string | undefined;
  /** What the envelope must be about: a valid one of another reservation proves nothing for this. */
  readonly expected?: EvidenceExpectation | undefined;
  /** The longest text, in bytes; 1 MiB by default. */
  readonly maxBytes?: number | undefined;
}

/** What verifying one envelope established. */
export interface EvidenceReport extends VerificationReport {
  /** Whether `expectedSigner` is the signer; absent when none was given. */
  readonly signerPinMatched?: boolean | undefined;
  /** The envelope: only when its signature is valid, its signer is not refused, and its shape is known. */
  readonly envelope?: EvidenceEnvelope | undefined;
}

/**
 * Verifies one Cycles evidence envelope (Cycles evidence §CyclesEvidence, "Verification", and §CyclesEvidenceJwks): the
 * content id, the signature, the signer's authority at the time of issue, the shape, and the rules between members.
 * @param input the text or the bytes as they came; an object that was parsed elsewhere is no longer what was signed.
 * @returns a report, for any input. What is not proven is in its disposition and findings.
 * @throws AbortedError when `options.signal` aborts while a key set is fetched.
 */
export async function verifyEvidence(
  input: string | Uint8Array,
  options: VerifyEvidenceOptions = {},
): Promise<EvidenceReport> {
  const read = readEvidence(input, options.maxBytes);
  if ("code" in read) return { disposition: "signature_invalid", findings: [read] };
  const { disposition, finding } = await judgeSigner(read, options);
  const isBound = disposition === "authentic" || disposition === "binding_only";
  const content = readContent(read);
  const pin = options.expectedSigner === undefined ? undefined : options.expectedSigner === read.signerDid;
  const findings = [
    ...(finding === undefined ? [] : [finding]),
    ...(pin === false ? [pinMismatch] : []),
    ...read.findings,
    ...content.findings,
    ...expectationFindings(content.envelope, options.expected),
  ];
  return {
    disposition,
    findings,
    ...(pin === undefined ? {} : { signerPinMatched: pin }),
    ...(isBound && content.envelope !== undefined ? { envelope: content.envelope } : {}),
  };
}

const pinMismatch: Finding = {
  kind: "signer",
  severity: "error",
  code: "signer_pin_mismatch",
  message: "The signer is not the expected one.",
  pointer: "/signer_did",
};

interface Judgement {
  readonly disposition: Disposition;
  readonly finding?: Finding | undefined;
}

async function judgeSigner(read: ReadEvidence, options: VerifyEvidenceOptions): Promise<Judgement> {
  const hashed = hashInput(read.json);
  if ((await evidenceIdOf(hashed)) !== read.evidenceId) {
    return invalid(
      "evidence_id_mismatch",
      "/evidence_id",
      "The id is not the hash of the content: the envelope was altered.",
    );
  }
  const signer = parseEvidenceSigner(read.signerDid);
  if (signer === undefined) {
    return unresolvable("unknown_signer_form", "The signer is neither a public key in hex nor a did:cycles.");
  }
  if (signer.form === "key") {
    if (!(await isSigned(read, hashed, signer.publicKey))) return badSignature;
    if (options.keys === undefined) return { disposition: "binding_only" };
    return fromLookup(await findKey(options.keys, read, { publicKey: signer.publicKey }, options.signal));
  }
  if ((await serverHash(read.serverId)) !== signer.serverHash) {
    return {
      disposition: "signer_authority_failed",
      finding: signerFinding({ code: "did_server_mismatch", message: "The signer's DID is not of this server_id." }),
    };
  }
  if (options.keys === undefined)
    return unresolvable("no_key_set", "The signer's key must be looked up, and no keys were given.");
  const lookup = await findKey(options.keys, read, { kid: signer.kid }, options.signal);
  if (lookup.status === "found" && !(await isSigned(read, hashed, lookup.key.publicKey))) return badSignature;
  return fromLookup(lookup);
}

function findKey(
  keys: RemoteKeySet,
  { serverId, issuedAtMs }: ReadEvidence,
  wanted: { readonly kid: string } | { readonly publicKey: Uint8Array },
  signal: AbortSignal | undefined,
): Promise<KeyLookup> {
  const query = { ...wanted, atMs: issuedAtMs, windowOf: evidenceKeyWindow };
  return keys.find(evidenceJwksUrl(serverId), query, { signal });
}

async function isSigned(
  { json, evidenceId, signature }: ReadEvidence,
  hashed: string,
  publicKey: Uint8Array,
): Promise<boolean> {
  // Upper-case hex would be a second spelling of the same signature.
  const bytes = /^[0-9a-f]{128}$/.test(signature) ? parseHex(signature) : undefined;
  return bytes !== undefined && verifyEd25519(publicKey, signingInput(json, hashed, evidenceId), bytes);
}

function fromLookup(lookup: KeyLookup): Judgement {
  if (lookup.status === "found") {
    return { disposition: "authentic", finding: lookup.key.retained ? retainedKey : undefined };
  }
  const disposition = lookup.status === "refused" ? "signer_authority_failed" : "signer_resolution_failed";
  return { disposition, finding: signerFinding(lookup.problem) };
}

const retainedKey: Finding = {
  kind: "signer",
  severity: "warning",
  code: "key_retained",
  message: "The server no longer publishes the key; it is known from an earlier key set.",
};

const badSignature = invalid("bad_signature", "/signature", "The signature is not the signer's over this content.");

function invalid(code: string, pointer: string, message: string): Judgement {
  return {
    disposition: "signature_invalid",
    finding: { kind: "signature", severity: "error", code, pointer, message },
  };
}

function unresolvable(code: string, message: string): Judgement {
  return { disposition: "signer_resolution_failed", finding: signerFinding({ code, message }) };
}
