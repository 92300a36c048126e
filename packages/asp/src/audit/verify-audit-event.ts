import type { CallOptions } from "@imprest/core";
import { base64url, ConfigurationError, issuesOf } from "@imprest/core/internal/verify";
import {
  type Disposition,
  type Finding,
  type JsonObject,
  type JsonValue,
  type KeyWindow,
  type VerificationKey,
  type VerificationReport,
  signerFinding,
  verifyEd25519,
} from "@imprest/core/audit";
import { type AuditEvent, auditDataBySuffix, parseTimestamp } from "@imprest/core/models/asp";
import { aspJcsV1 } from "./asp-jcs-v1.ts";
import type { AuditProfile, DraftEvent, ProfiledEvent } from "./profile.ts";
import { type AuditExpectation, checkExpectation, expectationFindings, semanticFindings } from "./semantics.ts";
import type { AuditTrust } from "./trust.ts";

/** Whom to believe, and what the event is held to. */
export interface VerifyAuditEventOptions extends Pick<CallOptions, "signal"> {
  readonly trust: AuditTrust;
  /** A signature that came apart from the event, such as `audit_event_signature` of an answer: 64 bytes. */
  readonly signature?: Uint8Array | undefined;
  /** `asp-jcs-v1` when absent; the operator's choice, never the event's. */
  readonly profile?: AuditProfile | undefined;
  readonly expected?: AuditExpectation | undefined;
  /** The longest text, in bytes; 1 MiB by default. */
  readonly maxBytes?: number | undefined;
}

/** What verifying one event established. */
export interface AuditEventReport extends VerificationReport {
  readonly profile: string;
  /** Attributes that the signature does not cover: a relay may have written them. */
  readonly unsigned: readonly string[];
  /** The signed attributes and nothing else; only when the signature is the trusted issuer's. */
  readonly signed?: JsonObject | undefined;
  /** The same, typed and with exact amounts; only when its shape is the draft's too. */
  readonly event?: AuditEvent | undefined;
  /** Unpadded base64url, to be matched with what answers promised. */
  readonly signature?: string | undefined;
  /** The issuer's key that the signature was made with; only when it is valid. */
  readonly key?: AuditKey | undefined;
}

/** A key as it was known when it verified an event. */
export interface AuditKey extends KeyWindow {
  readonly kid: string;
  /** Unpadded base64url, 43 characters. */
  readonly publicKey: string;
}

/**
 * Verifies one signed audit event (ASP §5). Signature, shape and meaning are judged apart: read the disposition for who
 * signed, the findings for everything else.
 * @param input the text or the bytes as they came; an object that was parsed elsewhere is no longer what was signed.
 * @returns a report, for any input.
 * @throws AbortedError when `options.signal` aborts while keys are fetched; ConfigurationError for an unknown member of
 * `options.expected`.
 * @example
 * const trust = createAuditTrust({ origins: ["https://asp.example.com"], fetchKeys: true });
 * const { disposition, findings } = await verifyAuditEvent(line, { trust });
 */
export async function verifyAuditEvent(
  input: string | Uint8Array,
  options: VerifyAuditEventOptions,
): Promise<AuditEventReport> {
  const { trust, profile = aspJcsV1, expected } = options;
  if (trust === undefined)
    throw new ConfigurationError("verifyAuditEvent needs to be told whom to trust: createAuditTrust(…).");
  if (expected !== undefined) checkExpectation(expected);
  const read = profile.read(input, { signature: options.signature, maxBytes: options.maxBytes });
  const base = { profile: profile.name, unsigned: "code" in read ? [] : read.unsigned };
  if ("code" in read) return { ...base, disposition: "signature_invalid", findings: [read] };
  const { disposition, findings, key } = await judgeSigner(read, trust, profile, options.signal);
  if (disposition !== "authentic" || key === undefined) return { ...base, disposition, findings };
  const content = read.draft === undefined ? noDraft : readContent(read.draft, trust.clock.now());
  const strays =
    expected === undefined || content.event === undefined ? [] : expectationFindings(content.event, expected);
  return {
    ...base,
    disposition,
    findings: [...findings, ...unsignedFindings(read.unsigned), ...content.findings, ...strays],
    signed: read.signed,
    signature: read.signatureText ?? base64url(read.signature),
    key: writtenKey(read.kid, key),
    ...(content.event !== undefined && { event: content.event }),
  };
}

interface Judgement {
  readonly disposition: Disposition;
  readonly findings: readonly Finding[];
  /** Of an authentic event. */
  readonly key?: VerificationKey | undefined;
}

/** A feed of millions has few keys, and each is written once. */
const writtenKeys = new WeakMap<Uint8Array, string>();

function writtenKey(kid: string, { publicKey, notBeforeMs, notAfterMs }: VerificationKey): AuditKey {
  const text = writtenKeys.get(publicKey) ?? base64url(publicKey);
  writtenKeys.set(publicKey, text);
  const window = { ...(notBeforeMs !== undefined && { notBeforeMs }), ...(notAfterMs !== undefined && { notAfterMs }) };
  return { kid, publicKey: text, ...window };
}

async function judgeSigner(
  read: ProfiledEvent,
  trust: AuditTrust,
  profile: AuditProfile,
  signal: AbortSignal | undefined,
): Promise<Judgement> {
  const origin = trust.originOf(read.issuer);
  if (origin === undefined) {
    const problem = { code: "origin_not_trusted", message: "The source is not at an origin that is trusted." };
    return { disposition: "signer_resolution_failed", findings: [signerFinding(problem)] };
  }
  if (!trust.mayUse(read.prefix, origin)) {
    const problem = { code: "prefix_not_of_origin", message: "The type's prefix belongs to another origin." };
    return { disposition: "signer_authority_failed", findings: [signerFinding(problem)] };
  }
  const lookup = await trust.find(origin, read.kid, read.atMs, { signal });
  if (lookup.status !== "found") {
    const disposition = lookup.status === "refused" ? "signer_authority_failed" : "signer_resolution_failed";
    return { disposition, findings: [signerFinding(lookup.problem)] };
  }
  const { publicKey, retained } = lookup.key;
  if (await verifyEd25519(publicKey, await profile.signingInput(read.signed), read.signature)) {
    return { disposition: "authentic", findings: retained ? [retainedKey] : [], key: lookup.key };
  }
  const wasReformatted = await isSignedAtAnotherSpelling(read, publicKey, profile);
  return { disposition: "signature_invalid", findings: [wasReformatted ? reformattedTime : badSignature] };
}

/** SDKs rewrite times; the signature then fails on an event that nobody meant to change. Worth saying, not accepting. */
async function isSignedAtAnotherSpelling(
  { signed, signature }: ProfiledEvent,
  publicKey: Uint8Array,
  profile: AuditProfile,
): Promise<boolean> {
  const { time: written, data } = signed;
  const atMs = parseTimestamp(written);
  if (atMs === undefined) return false;
  const iso = new Date(atMs).toISOString();
  const whole = iso.replace(/\.000Z$/, "Z");
  const eventTime = isObject(data) ? data["event_time"] : undefined;
  const spellings = new Set([iso, whole, whole.replace("Z", "+00:00"), iso.replace("Z", "+00:00")]);
  if (typeof eventTime === "string" && parseTimestamp(eventTime) === atMs) spellings.add(eventTime);
  for (const time of spellings) {
    if (time === written) continue;
    if (await verifyEd25519(publicKey, await profile.signingInput({ ...signed, time }), signature)) return true;
  }
  return false;
}

function isObject(value: JsonValue | undefined): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

interface Content {
  readonly event?: AuditEvent | undefined;
  readonly findings: readonly Finding[];
}

function readContent({ suffix, data, ...envelope }: DraftEvent, nowMs: number): Content {
  const result = auditDataBySuffix[suffix].safeParse(data);
  const { time } = envelope;
  const timeFinding = parseTimestamp(time) === undefined ? [badTime] : [];
  if (!result.success) {
    const findings = issuesOf(result.error).map(({ pointer, message }): Finding => {
      const at = `/data${pointer}`;
      return { kind: "schema", severity: "error", code: "schema_violation", pointer: at, message: `${at}: ${message}` };
    });
    return { findings: [...timeFinding, ...findings] };
  }
  // The schema was chosen by the suffix, so the pair is one of the union's.
  const event = { ...envelope, suffix, data: result.data } as AuditEvent;
  return { event, findings: [...timeFinding, ...semanticFindings(event, nowMs)] };
}

function unsignedFindings(unsigned: readonly string[]): Finding[] {
  return unsigned
    .filter((name) => name !== "specversion")
    .map((name) => ({
      kind: "signature",
      severity: "warning",
      code: "unsigned_attribute",
      pointer: `/${name}`,
      message: `The signature does not cover ${JSON.stringify(name)}; whoever relayed the event may have written it.`,
    }));
}

const retainedKey: Finding = {
  kind: "signer",
  severity: "warning",
  code: "key_retained",
  message: "The issuer no longer publishes the key; it is known from an earlier key set.",
};

const noDraft: Content = {
  findings: [
    {
      kind: "schema",
      severity: "warning",
      code: "not_of_the_draft",
      message: "The profile gives the event no form of the draft: its signature is all that was judged.",
    },
  ],
};

const badTime: Finding = {
  kind: "schema",
  severity: "error",
  code: "schema_violation",
  pointer: "/time",
  message: "/time: must be an RFC 3339 timestamp",
};

const badSignature: Finding = {
  kind: "signature",
  severity: "error",
  code: "bad_signature",
  message: "The signature is not the issuer's over these attributes: the event was altered, or never signed.",
};

const reformattedTime: Finding = {
  kind: "signature",
  severity: "error",
  code: "time_reformatted",
  pointer: "/time",
  message: "The signature is valid for the same instant written otherwise: a relay has rewritten the time.",
};
