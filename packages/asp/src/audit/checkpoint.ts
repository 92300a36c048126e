import { base64url, ConfigurationError, parseBase64url, utf8, ValidationError } from "@imprest/core/internal/verify";
import {
  type JsonObject,
  type JsonValue,
  canonicalize,
  parseStrictJson,
  sha256Hex,
  signEd25519,
  verifyEd25519,
} from "@imprest/core/audit";
import type { PromisedEvent } from "../promised-event.ts";
import type { AuditIndexEntry } from "./audit-index.ts";
import type { FeedPositionState } from "./feed-position.ts";

/**
 * Where an audit ended, so that another goes on from there as if it had never stopped: the decisions that are open, how
 * far each feed has come, its keys and their ends, and promises not yet kept.
 */
export interface AuditCheckpoint {
  readonly version: 1;
  readonly sources: readonly FeedPositionState[];
  /** Decisions that more events may follow, one text each. */
  readonly open: readonly string[];
  readonly promised: readonly PromisedEvent[];
  /** What the index in memory knows; absent where the audit had an index that lasts. */
  readonly remembered?: readonly AuditIndexEntry[] | undefined;
  /** The latest of what that index has forgotten, epoch milliseconds. */
  readonly forgottenMs?: number | undefined;
}

/** The auditor's own key. */
export interface CheckpointSigner {
  readonly kid: string;
  /** The 32-byte seed. */
  readonly privateKey: Uint8Array;
}

/** Longest text of a checkpoint that is read, in bytes. */
const mostBytes = 256 * 1024 * 1024;

/**
 * A checkpoint as text, with the SHA-256 of its JCS form: a file that was cut or edited is not taken up. With a key it is
 * signed too, so that nobody else's is.
 */
export async function sealCheckpoint(checkpoint: AuditCheckpoint, signer?: CheckpointSigner): Promise<string> {
  const plain = JSON.parse(JSON.stringify(checkpoint)) as JsonObject;
  const sha256 = await sha256Hex(utf8(canonicalize(plain)));
  const sealed = { kind, checkpoint: plain, sha256 };
  if (signer === undefined) return JSON.stringify(sealed);
  const { kid, privateKey } = signer;
  const signature = await signEd25519(privateKey, signedPart(sha256, kid));
  return JSON.stringify({ ...sealed, kid, signature: base64url(signature) });
}

/** A checkpoint that was read, and its name: an index that lasts is of one checkpoint. */
export interface OpenedCheckpoint {
  readonly checkpoint: AuditCheckpoint;
  readonly sha256: string;
}

/**
 * Reads what `sealCheckpoint` wrote.
 * @param options.publicKey whose signature it must carry; 32 bytes.
 * @throws ValidationError for what is no checkpoint, was altered, or is not signed by that key.
 */
export async function openCheckpoint(
  text: string | Uint8Array,
  options: { readonly publicKey?: Uint8Array | undefined } = {},
): Promise<OpenedCheckpoint> {
  const sealed = read(text);
  const { checkpoint, sha256, kid = null, signature } = sealed;
  if (sealed["kind"] !== kind || !isObject(checkpoint) || typeof sha256 !== "string") {
    throw unfit("", "is none that an audit has written");
  }
  if (checkpoint["version"] !== 1) throw unfit("/version", "is of another version of this library");
  if ((await sha256Hex(utf8(canonicalize(checkpoint)))) !== sha256) throw unfit("/sha256", "was altered or cut");
  const { publicKey } = options;
  if (publicKey !== undefined) {
    const bytes = typeof signature === "string" ? parseBase64url(signature) : undefined;
    const isSigned = bytes !== undefined && (await verifyEd25519(publicKey, signedPart(sha256, kid), bytes));
    if (!isSigned) throw unfit("/signature", "is not signed by the key that was given");
  }
  return { checkpoint: checkpoint as unknown as AuditCheckpoint, sha256 };
}

/** @throws ConfigurationError for a checkpoint whose audit knew more than this one is given. */
export function checkIndex(checkpoint: AuditCheckpoint | undefined, hasIndex: boolean): void {
  if (checkpoint === undefined || checkpoint.remembered !== undefined || hasIndex) return;
  throw new ConfigurationError("The checkpoint is of an audit with an index that lasts; give the same index.");
}

const kind = "imprest.audit.checkpoint" as const;

/** The kind and the name of the key are signed too: a signature is for nothing else. */
function signedPart(sha256: string, kid: JsonValue): Uint8Array {
  return utf8(canonicalize({ kind, sha256, kid }));
}

function read(text: string | Uint8Array): JsonObject {
  try {
    const json = parseStrictJson(text, { numbers: "double", maxBytes: mostBytes });
    if (isObject(json)) return json;
  } catch (error) {
    throw unfit("", error instanceof Error ? `cannot be read: ${error.message}` : "cannot be read");
  }
  throw unfit("", "is no object");
}

function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function unfit(pointer: string, message: string): ValidationError {
  return new ValidationError("audit checkpoint", [{ pointer, message }]);
}
