import { text, texts, wholeNumber } from "../../wire/leaves.ts";
import { type Shape, object, optional } from "../../wire/shape.ts";

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

export const authorityMetadata: Shape<AuthorityMetadata> = object({
  grace_window_ms: optional(wholeNumber(0)),
  commit_overage_policy: optional(text),
  lifecycle_profile: optional(text),
  cap_types: optional(texts),
  cap_registry_url: optional(text),
  jwks_url: optional(text),
  signing_profile: optional(text),
});
