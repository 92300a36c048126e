import { base64url, utf8 } from "../platform/encoding.ts";
import { canonicalize } from "./canonicalize.ts";
import { signEd25519 } from "./ed25519.ts";
import type { JsonObject, JsonValue } from "./strict-json.ts";

/** Who signs events, and under which names. */
export interface EventSigner {
  /** A URL at whose origin the keys are published (ASP §5 "Issuer identity"). */
  readonly source: string;
  /** `org.agentspend` makes `org.agentspend.audit.reserve`. */
  readonly typePrefix: string;
  readonly kid: string;
  /** The 32-byte seed. */
  readonly privateKey: Uint8Array;
}

/** The attribute that carries the signature: the draft names none, and an attribute name has only a-z and 0-9. */
export const signatureAttribute = "aspsignature" as const;

/**
 * One signed audit event as a line of JSON (profile `asp-jcs-v1`).
 * @param suffix what happened, such as `reserve` (ASP §5).
 * @param data what the suffix requires; `kid` and `event_time` are added.
 * @param atMs when it happened, epoch milliseconds.
 * @param id unique within the source; a fresh UUID when absent.
 * @throws ValidationError for data that is not plain JSON.
 */
export async function signAuditEvent(
  suffix: string,
  data: JsonObject,
  signer: EventSigner,
  atMs: number,
  id: string = crypto.randomUUID(),
): Promise<string> {
  const time = new Date(atMs).toISOString();
  const signed: Record<string, JsonValue> = {
    id,
    source: signer.source,
    type: `${signer.typePrefix}.audit.${suffix}`,
    datacontenttype: "application/json",
    time,
    data: { ...data, kid: signer.kid, event_time: time },
  };
  const signature = await signEd25519(signer.privateKey, utf8(canonicalize(signed)));
  return JSON.stringify({ specversion: "1.0", ...signed, [signatureAttribute]: base64url(signature) });
}
