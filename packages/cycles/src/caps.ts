import { type Cap, type Clock, DeniedError, ValidationError, capped, systemClock } from "@imprest/core";
import { sleep } from "@imprest/core/internal";

/** The caps that the helpers of this module apply, for `options.honours`; `max_tokens` is applied by `capped`. */
export const honouredCaps: readonly string[] = Object.freeze([
  "max_tokens",
  "max_steps_remaining",
  "tool_allowlist",
  "tool_denylist",
  "cooldown_ms",
]);

/**
 * Whether the caps let a tool be called (Cycles §Caps): a non-empty allowlist decides alone; otherwise all but the
 * denied; names are compared exactly.
 * @throws ValidationError when a list is there but is none: to guess would be to allow.
 */
export function isToolAllowed(caps: readonly Cap[], toolName: string): boolean {
  const allowed = namesIn(caps, "tool_allowlist");
  if (allowed.length > 0) return allowed.includes(toolName);
  return !namesIn(caps, "tool_denylist").includes(toolName);
}

/** Counts the steps of an agent against `max_steps_remaining`. */
export interface StepCounter {
  /** Steps left; infinite without the cap. */
  readonly remaining: number;
  /** Call it before each step. @throws DeniedError when none is left. */
  take(): void;
}

/** @throws ValidationError when the cap is no number. */
export function createStepCounter(caps: readonly Cap[]): StepCounter {
  let remaining = capped(caps, "max_steps_remaining", Infinity);
  return {
    get remaining() {
      return remaining;
    },
    take() {
      if (remaining < 1) {
        const message = "The authority allows no further step under this reservation; settle it and reserve again.";
        throw new DeniedError(message, { reasonCode: "MAX_STEPS_REACHED", caps });
      }
      remaining -= 1;
    },
  };
}

/**
 * Waits as long as `cooldown_ms` asks, not at all without the cap.
 * @throws AbortedError when `signal` aborts first; ValidationError when the cap is no number.
 */
export async function coolDown(
  caps: readonly Cap[],
  {
    clock = systemClock,
    signal,
  }: { readonly clock?: Clock | undefined; readonly signal?: AbortSignal | undefined } = {},
): Promise<void> {
  if (!caps.some(({ name }) => name === "cooldown_ms")) return;
  await sleep(clock, capped(caps, "cooldown_ms", Infinity), signal);
}

function namesIn(caps: readonly Cap[], name: string): readonly string[] {
  const value = caps.find((cap) => cap.name === name)?.value ?? [];
  if (Array.isArray(value) && value.every((item): item is string => typeof item === "string")) return value;
  throw new ValidationError("caps", [{ pointer: `/${name}`, message: "is not a list of tool names" }]);
}
