import { boundedText, flag, jsonObject, loose, openOneOf, text } from "../../../wire/leaves.ts";
import { type Shape, list, object, optional } from "../../../wire/shape.ts";

/** One entry of the registry of action kinds (Cycles action kinds §ActionKind, v0.1.26). */
export interface ActionKind {
  readonly kind: string;
  /** One of `riskClasses`; open. */
  readonly risk_class: string;
  readonly policy_key_spec?: Readonly<Record<string, unknown>> | undefined;
  readonly description?: string | undefined;
  /** Names of MCP tools that begin with one of these are of this kind. */
  readonly mcp_tool_prefixes?: readonly string[] | undefined;
  readonly deprecated?: boolean | undefined;
  readonly replacement_kind?: string | undefined;
}

/** By rising risk (Cycles action kinds §RiskClass). */
export const riskClasses = ["read_only", "local_mutation", "side_effect", "external_side_effect", "high_risk"] as const;

export const actionKind: Shape<ActionKind> = object({
  kind: loose(boundedText(64)),
  risk_class: openOneOf(riskClasses),
  policy_key_spec: optional(jsonObject),
  description: optional(loose(boundedText(512))),
  mcp_tool_prefixes: optional(list(loose(boundedText(128)))),
  deprecated: optional(flag),
  replacement_kind: optional(loose(boundedText(64))),
});

/** One page of the registry (Cycles action kinds §ActionKindRegistry). */
export interface ActionKindRegistryPage {
  readonly version: string;
  readonly kinds: readonly ActionKind[];
  readonly next_cursor?: string | undefined;
  readonly has_more?: boolean | undefined;
}

export const actionKindRegistryPage: Shape<ActionKindRegistryPage> = object({
  version: text,
  kinds: list(actionKind),
  next_cursor: optional(text),
  has_more: optional(flag),
});
