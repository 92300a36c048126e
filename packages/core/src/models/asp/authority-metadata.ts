import { ValidationError } from "../../errors/local-errors.ts";

/**
 * What an authority says about itself (ASP §2 rule 3 and §3.2 demand the publication and leave the document open).
 * Unknown members are kept.
 */
export interface AuthorityMetadata {
  /** How long after a TTL a commit is still honoured (ASP §3.2; should be at most five minutes). */
  readonly grace_window_ms?: number | undefined;
  /** `"REJECT"` or `"CHARGE_OVERAGE"` (ASP §3.1); open. */
  readonly commit_overage_policy?: string | undefined;
  /** `"grace-split"` (ASP) or `"minimal"`; open. */
  readonly lifecycle_profile?: string | undefined;
  /** Cap types that the authority may send. */
  readonly cap_types?: readonly string[] | undefined;
  readonly cap_registry_url?: string | undefined;
  readonly jwks_url?: string | undefined;
  /** How its audit events are signed: `"asp-jcs-v1"`; open. */
  readonly signing_profile?: string | undefined;
  readonly [member: string]: unknown;
}

/** Checks a metadata document. @throws ValidationError naming the member. */
export function readAuthorityMetadata(json: unknown): AuthorityMetadata {
  if (typeof json !== "object" || json === null || Array.isArray(json)) throw unfit("", "must be an object");
  const { grace_window_ms: grace, cap_types: capTypes } = json as AuthorityMetadata;
  if (grace !== undefined && !(Number.isSafeInteger(grace) && grace >= 0)) {
    throw unfit("/grace_window_ms", "must be a whole number of milliseconds");
  }
  if (capTypes !== undefined && !(Array.isArray(capTypes) && capTypes.every((type) => typeof type === "string"))) {
    throw unfit("/cap_types", "must be a list of texts");
  }
  for (const name of [
    "commit_overage_policy",
    "lifecycle_profile",
    "cap_registry_url",
    "jwks_url",
    "signing_profile",
  ]) {
    const member: unknown = Reflect.get(json, name);
    if (member !== undefined && typeof member !== "string") throw unfit(`/${name}`, "must be text");
  }
  return { ...json };
}

function unfit(pointer: string, message: string): ValidationError {
  return new ValidationError("ASP authority metadata", [{ pointer, message }]);
}
