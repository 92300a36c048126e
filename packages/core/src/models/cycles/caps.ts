import { boundedText, count, loose } from "../../wire/leaves.ts";
import { type Shape, list, object, optional } from "../../wire/shape.ts";

/**
 * Limits that come with ALLOW_WITH_CAPS (Cycles §Caps). A non-empty `tool_allowlist` makes the denylist void; names
 * are compared with `Action.name`, case included.
 */
export interface Caps {
  readonly max_tokens?: number | undefined;
  readonly max_steps_remaining?: number | undefined;
  readonly tool_allowlist?: readonly string[] | undefined;
  readonly tool_denylist?: readonly string[] | undefined;
  readonly cooldown_ms?: number | undefined;
}

const tools = list(loose(boundedText(256)));

export const caps: Shape<Caps> = object({
  max_tokens: optional(count),
  max_steps_remaining: optional(count),
  tool_allowlist: optional(tools),
  tool_denylist: optional(tools),
  cooldown_ms: optional(count),
});
