import type { ProtoStruct } from "@imprest/core/models/asp";

/** What a family of caps does (budget_reservation crosswalk v0.2); it decides the order in which they are applied. */
export type CapFamily =
  /** Sends the call elsewhere. */
  | "redirect"
  /** Sets a value; of several, the last on the wire holds. */
  | "set"
  /** Takes away; of several, the most restrictive holds. */
  | "narrow";

/** How one type of cap is applied to a call. */
export interface CapHandler<Call> {
  readonly type: string;
  readonly family: CapFamily;
  /** A deprecated type counts as unknown: a grant that carries it is refused (ASP §2 rule 2). */
  readonly deprecated?: boolean | undefined;
  /**
   * The call as the cap leaves it, or `undefined` when this call cannot be brought under it.
   * @param value `params.value`, or `params` themselves where they hold no single value.
   * @param others every cap of the grant, for rules between types.
   */
  apply(call: Call, value: unknown, others: readonly string[]): Call | undefined;
}

/**
 * A call to a provider, as the built-in caps see it. A member that is there can be limited, `undefined` meaning that
 * nothing limits it yet; a member that is absent cannot be set on this call, so a cap on it cannot be applied.
 */
export interface ProviderCall {
  readonly model?: string | undefined;
  readonly maxTokens?: number | undefined;
  readonly maxOutputTokens?: number | undefined;
  readonly maxSteps?: number | undefined;
  /** Names of the tools that the model may call. */
  readonly tools?: readonly string[] | undefined;
  /** How long to wait before the call, in milliseconds. */
  readonly cooldownMs?: number | undefined;
  readonly reasoningEffort?: string | undefined;
  readonly temperature?: number | undefined;
}

/** Where the authority would send the call instead (ASP §2 "DEGRADE pattern"). */
export interface DegradedRoute extends ProtoStruct {
  readonly model: string;
}
