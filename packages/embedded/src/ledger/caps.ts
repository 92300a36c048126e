/**
 * Limits under which a request is granted. Each member is a cap of its own; its name is the word that the caller who
 * honours it goes by, on every wire. A non-empty `tool_allowlist` makes the denylist void.
 */
export interface Caps {
  readonly max_tokens?: number | undefined;
  readonly max_steps_remaining?: number | undefined;
  readonly tool_allowlist?: readonly string[] | undefined;
  readonly tool_denylist?: readonly string[] | undefined;
  readonly cooldown_ms?: number | undefined;
}
