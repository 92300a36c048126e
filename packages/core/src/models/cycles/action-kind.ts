import { flag, text, texts } from "../../wire/leaves.ts";
import { type Shape, list, object, optional } from "../../wire/shape.ts";

/** One entry of the registry of action kinds (Cycles action kinds §ActionKind, v0.1.26). */
export interface ActionKind {
  readonly kind: string;
  /** `read_only`, `local_mutation`, `side_effect`, `external_side_effect`, `high_risk`, by rising risk; open. */
  readonly risk_class: string;
  readonly policy_key_spec?: Readonly<Record<string, unknown>> | undefined;
  readonly description?: string | undefined;
  /** Names of MCP tools that begin with one of these are of this kind. */
  readonly mcp_tool_prefixes?: readonly string[] | undefined;
  readonly deprecated?: boolean | undefined;
  readonly replacement_kind?: string | undefined;
}

export const actionKind: Shape<ActionKind> = object({
  kind: text,
  risk_class: text,
  description: optional(text),
  mcp_tool_prefixes: optional(texts),
  deprecated: optional(flag),
  replacement_kind: optional(text),
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
