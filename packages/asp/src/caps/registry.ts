import { type Cap, ConfigurationError, type Grant } from "@imprest/core";
import { AspDeniedError } from "../errors.ts";
import type { CapFamily, CapHandler, DegradedRoute } from "./handler.ts";

/** A cap type as a caller publishes it (ASP §2 rule 3: callers must publish or document those they recognise). */
export interface RecognisedCap {
  readonly type: string;
  readonly family: CapFamily;
  readonly deprecated: boolean;
}

/** The caps that a caller knows how to apply. */
export interface CapRegistry<Call> {
  /** For `options.honours`: the kernel releases and denies a grant that carries any other cap. */
  readonly honours: readonly string[];
  /** For publication. */
  readonly recognised: readonly RecognisedCap[];
  /**
   * The call under every cap. Call it in the body, before the provider: what it throws was not spent, so say so with
   * `unspent: (error) => AspDeniedError.isInstance(error)` in the options.
   * @throws AspDeniedError when a cap is unknown, deprecated, cannot be applied to this call, or contradicts another.
   */
  apply(caps: readonly Cap[], call: Call): Call;
}

const order: readonly CapFamily[] = ["redirect", "set", "narrow"];

/** @throws ConfigurationError for two handlers of one type. */
export function createCapRegistry<Call extends object>(handlers: readonly CapHandler<Call>[]): CapRegistry<Call> {
  const byType = new Map(handlers.map((handler) => [handler.type, handler]));
  if (byType.size < handlers.length) throw new ConfigurationError("Two cap handlers have one type; keep one.");
  return {
    honours: handlers.filter(({ deprecated }) => deprecated !== true).map(({ type }) => type),
    recognised: handlers.map(({ type, family, deprecated = false }) => ({ type, family, deprecated })),
    apply(caps, call) {
      const known = caps.map((cap) => {
        const handler = byType.get(cap.name);
        if (handler === undefined || handler.deprecated === true) throw refused(caps, cap, "is not recognised");
        return { cap, handler };
      });
      const names = caps.filter(({ value }) => !isEmptyList(value)).map(({ name }) => name);
      let capped = call;
      for (const family of order) {
        for (const { cap, handler } of known) {
          if (handler.family !== family) continue;
          if (family === "redirect" && contradicts(caps, cap)) throw refused(caps, cap, "contradicts another cap");
          const applied = handler.apply(capped, cap.value, names);
          if (applied === undefined) throw refused(caps, cap, "cannot be applied to this call");
          capped = applied;
        }
      }
      return capped;
    },
  };
}

/** The route of a degraded grant, as the authority wrote it; `undefined` when it is none (ASP §2 "DEGRADE pattern"). */
export function degradedRoute({ caps }: Pick<Grant, "caps">): DegradedRoute | undefined {
  const route: unknown = caps.find(({ name }) => name === "degrade.route_to")?.value;
  const model: unknown = typeof route === "object" && route !== null ? Reflect.get(route, "model") : undefined;
  return typeof model === "string" ? { ...(route as object), model } : undefined;
}

function isEmptyList(value: unknown): boolean {
  return Array.isArray(value) && value.length === 0;
}

/** Two ways to go, and no rule which to take. */
function contradicts(caps: readonly Cap[], cap: Cap): boolean {
  const target = targetOf(cap);
  return caps.some((other) => targetOf(other) !== undefined && targetOf(other) !== target);
}

function targetOf({ name, value }: Cap): unknown {
  if (name === "model_alias") return value;
  if (name !== "degrade.route_to") return undefined;
  return typeof value === "object" && value !== null ? Reflect.get(value, "model") : value;
}

function refused(caps: readonly Cap[], { name }: Cap, why: string): AspDeniedError {
  const message = `The cap ${name} ${why}, so the call must not start (ASP §2).`;
  return new AspDeniedError(message, {
    decision: "ALLOW_WITH_CAPS",
    reasonCodes: ["cap_unsupported"],
    matchedRuleIds: [],
    caps,
  });
}
