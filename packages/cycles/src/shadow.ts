import type { CallOptions, Decision, ReserveRequest } from "@imprest/core";
import { authorityOf } from "@imprest/core/internal";
import type { CyclesSource } from "./authority.ts";

/** How a call runs in the shadow of an authority. */
export interface ShadowOptions extends CallOptions {
  /** Told what the authority would have said: its decision, or why there is none. */
  readonly onDecision: (outcome: { readonly decision: Decision } | { readonly error: unknown }) => void;
}

/**
 * Runs `body` whatever the authority says, and calls `onDecision` with what it would have answered to a reserve (Cycles
 * §dry_run): for a rollout that stops nothing yet. Nothing is reserved, nothing is settled, and an authority that is
 * slow, down or wrong neither delays nor breaks the call.
 * @returns what `body` returns. @throws what `body` throws.
 */
export async function withShadow<Value>(
  source: CyclesSource,
  request: ReserveRequest,
  body: () => Value | PromiseLike<Value>,
  options: ShadowOptions,
): Promise<Value> {
  const { onDecision, ...call } = options;
  authorityOf(source)
    .dryRun(request, call)
    .then(
      (decision) => onDecision({ decision }),
      (error: unknown) => onDecision({ error }),
    )
    // A broken listener must not break the call that it only watches.
    .catch(() => {});
  return body();
}
