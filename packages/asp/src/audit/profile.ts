import type { Finding, JsonObject } from "@imprest/core/audit";
import type { AuditSuffix } from "@imprest/core/models/asp";

/**
 * How one issuer writes and signs its events: how a text is read, whose keys count, and what bytes the signature is over.
 * Chosen by whoever verifies, never by what an event says: a form that the attacker may pick is one more way to have an
 * event mean two things.
 */
export interface AuditProfile {
  readonly name: string;
  /**
   * Reads one event out of the text as it came.
   * @returns why it cannot be one, as a finding; it does not throw.
   */
  read(input: string | Uint8Array, options: ReadOptions): ProfiledEvent | Finding;
  /** The bytes that the Ed25519 signature is over. @param signed that of the event that was read. */
  signingInput(signed: JsonObject): Uint8Array | Promise<Uint8Array>;
}

/** What `AuditProfile.read` is given beside the text. */
export interface ReadOptions {
  /** A signature that came apart from the event: 64 bytes. */
  readonly signature?: Uint8Array | undefined;
  /** The longest text, in bytes. */
  readonly maxBytes?: number | undefined;
}

/** One event as a profile reads it, before its signature has been looked at. */
export interface ProfiledEvent {
  /** A URL at whose origin the keys are that may sign it: `source` in the draft (ASP §5). Trust names the origins. */
  readonly issuer: string;
  /** The first part of the type, which trust may keep for one origin. */
  readonly prefix: string;
  /** Which of the issuer's keys signed it; itself signed. */
  readonly kid: string;
  /** When it was signed, by its own word; epoch milliseconds. A key with an end verifies nothing without it. */
  readonly atMs: number | undefined;
  readonly signature: Uint8Array;
  /** The same in unpadded base64url, where it is at hand. */
  readonly signatureText?: string | undefined;
  /** What the signature covers and nothing else. */
  readonly signed: JsonObject;
  /** Members that a relay could have changed. */
  readonly unsigned: readonly string[];
  /** The event as the draft writes it. Without one its signature is all that is judged, and the auditor leaves it out. */
  readonly draft?: DraftEvent | undefined;
}

/** The envelope of an event of the draft, and its data as yet unchecked. */
export interface DraftEvent {
  readonly id: string;
  readonly source: string;
  /** `<issuer>.audit.<suffix>`. */
  readonly type: string;
  readonly datacontenttype: string;
  readonly time: string;
  readonly suffix: AuditSuffix;
  readonly data: JsonObject;
}
