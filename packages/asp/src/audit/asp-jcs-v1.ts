import { utf8 } from "@imprest/core/internal/verify";
import { canonicalize } from "@imprest/core/audit";
import type { AuditProfile } from "./profile.ts";
import { readAuditEvent, signedPart } from "./read-audit-event.ts";

/** Ed25519 over the UTF-8 of JCS({data, datacontenttype, id, source, time, type}), the reading of ASP §5 we sign by. */
export const aspJcsV1: AuditProfile = {
  name: "asp-jcs-v1",
  read: readAuditEvent,
  /** The bytes that are signed, of an event with every signed attribute. */
  signingInput: (event) => utf8(canonicalize(signedPart(event))),
};
