import { base64url, parseBase64url } from "@imprest/core/internal/verify";
import {
  type Finding,
  type JsonObject,
  type JsonValue,
  StrictJsonError,
  parseStrictJson,
  signatureAttribute,
  syntaxFinding,
} from "@imprest/core/audit";
import { auditSuffixes, parseTimestamp } from "@imprest/core/models/asp";
import type { ProfiledEvent, ReadOptions } from "./profile.ts";

/** The attributes that the draft signs (ASP §5 "Signing"). */
export const signedAttributes = ["data", "datacontenttype", "id", "source", "time", "type"] as const;

const typePattern = /^([a-z0-9-]+(?:\.[a-z0-9-]+)*)\.audit\.([a-z_]+)$/;
/** JSON is UTF-8 (RFC 8259 §8.1), so a charset that says so says nothing new. */
const jsonType = /^application\/(?:[\w.-]+\+)?json(?:[ \t]*;[ \t]*charset=(?:utf-8|"utf-8"))?$/i;
const signed: ReadonlySet<string> = new Set(signedAttributes);

/** Reads an event, or says why it cannot be one. Nothing is repaired: a missing member is missing from what was signed. */
export function readAuditEvent(
  input: string | Uint8Array,
  { signature: detached, maxBytes }: ReadOptions,
): ProfiledEvent | Finding {
  let json: unknown;
  try {
    json = parseStrictJson(input, { maxBytes });
  } catch (error) {
    if (StrictJsonError.isInstance(error)) return syntaxFinding(error);
    throw error;
  }
  if (!isObject(json)) return schema("not_an_event", "", "The text is no JSON object.");
  const { id, source, type, datacontenttype, time, data, specversion } = json;
  if (specversion !== "1.0") return schema("not_an_event", "/specversion", "Only CloudEvents 1.0 is understood.");
  if ("data_base64" in json)
    return schema("binary_data", "/data_base64", "The data of an ASP event is JSON, not bytes.");
  if (!isText(id)) return missing("/id");
  if (!isText(source)) return missing("/source");
  if (!isText(type)) return missing("/type");
  if (!isText(datacontenttype)) return missing("/datacontenttype");
  if (!isText(time)) return missing("/time");
  if (!isObject(data)) return missing("/data");
  if (!jsonType.test(datacontenttype)) {
    return schema("not_json", "/datacontenttype", "The data of an ASP event is JSON.");
  }
  const [, prefix, suffix] = typePattern.exec(type) ?? [];
  const known = auditSuffixes.find((candidate) => candidate === suffix);
  if (prefix === undefined || known === undefined) {
    return schema(
      "unknown_type",
      "/type",
      "The type is not <issuer>.audit.<suffix> with a suffix of the draft (ASP §5).",
    );
  }
  const { kid } = data;
  if (typeof kid !== "string" || kid === "") {
    const message = 'The key id must stand inside data, where it is signed (ASP §5 "Key management").';
    return schema("missing_kid", "/data/kid", message);
  }
  if ("kid" in json && json["kid"] !== kid) {
    return schema("kid_conflict", "/kid", "An extension attribute names another key than data does.");
  }
  const signature = readSignature(json[signatureAttribute], detached);
  if (!(signature instanceof Uint8Array)) return signature;
  return {
    issuer: source,
    prefix,
    kid,
    atMs: parseTimestamp(data["event_time"]),
    signature,
    // An attached one is read strictly, so its text is the only one there is.
    signatureText: typeof json[signatureAttribute] === "string" ? json[signatureAttribute] : base64url(signature),
    signed: { data, datacontenttype, id, source, time, type },
    unsigned: Object.keys(json).filter((name) => !signed.has(name) && name !== signatureAttribute),
    draft: { id, source, type, datacontenttype, time, suffix: known, data },
  };
}

/** The signed attributes and nothing else. */
export function signedPart(event: JsonObject): Record<string, JsonValue> {
  const { data = null, datacontenttype = null, id = null, source = null, time = null, type = null } = event;
  return { data, datacontenttype, id, source, time, type };
}

function readSignature(attribute: unknown, detached: Uint8Array | undefined): Uint8Array | Finding {
  const attached = typeof attribute === "string" ? parseBase64url(attribute) : undefined;
  if (attribute !== undefined && attached === undefined) {
    return signatureFinding("malformed_signature", "The signature attribute is not unpadded base64url.");
  }
  if (attached !== undefined && detached !== undefined && !sameBytes(attached, detached)) {
    return signatureFinding("signature_conflict", "The event carries another signature than the one given for it.");
  }
  return detached ?? attached ?? signatureFinding("missing_signature", "There is no signature.");
}

function sameBytes(left: Uint8Array, right: Uint8Array): boolean {
  return left.length === right.length && left.every((byte, at) => byte === right[at]);
}

function isText(value: unknown): value is string {
  return typeof value === "string" && value !== "";
}

function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function missing(pointer: string): Finding {
  return schema("missing_member", pointer, "The member is signed, so it must be there, as text (data: as an object).");
}

function schema(code: string, pointer: string, message: string): Finding {
  return { kind: "schema", severity: "error", code, pointer, message };
}

function signatureFinding(code: string, message: string): Finding {
  return { kind: "signature", severity: "error", code, pointer: `/${signatureAttribute}`, message };
}
