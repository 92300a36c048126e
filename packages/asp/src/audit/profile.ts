import { utf8 } from "@imprest/core/internal";
import { type JsonObject, type JsonValue, canonicalize } from "@imprest/core/audit";

/** The attributes that the draft signs (ASP §5 "Signing"). */
export const signedAttributes = ["data", "datacontenttype", "id", "source", "time", "type"] as const;

/**
 * What bytes a signature is over. Chosen by whoever verifies, never by what an event says: a form that the attacker may
 * pick is one more way to have an event mean two things.
 */
export interface AuditProfile {
  readonly name: string;
  /**
   * The bytes that are signed.
   * @param event parsed from the text as it came, with every signed attribute present.
   */
  signingInput(event: JsonObject): Uint8Array;
}

/** Ed25519 over the UTF-8 of JCS({data, datacontenttype, id, source, time, type}), the reading of ASP §5 we sign by. */
export const aspJcsV1: AuditProfile = {
  name: "asp-jcs-v1",
  /** The bytes that are signed. */
  signingInput: (event) => utf8(canonicalize(signedPart(event))),
};

/** The signed attributes and nothing else. */
export function signedPart(event: JsonObject): Record<string, JsonValue> {
  const { data = null, datacontenttype = null, id = null, source = null, time = null, type = null } = event;
  return { data, datacontenttype, id, source, time, type };
}
