import type { Cap } from "@imprest/core";
import { describe, expect, it } from "vitest";
import {
  AspDeniedError,
  type CapHandler,
  type ProviderCall,
  builtInCaps,
  createCapRegistry,
  degradedRoute,
} from "../../src/index.ts";

const registry = createCapRegistry(builtInCaps);
const call: ProviderCall = {
  model: "large",
  maxTokens: 1_000,
  maxOutputTokens: undefined,
  maxSteps: 10,
  tools: ["search", "shell", "mail"],
  cooldownMs: 0,
  reasoningEffort: "high",
  temperature: 1,
};

const cap = (name: string, value: unknown): Cap => ({ name, value });

describe("the built-in caps", () => {
  it.each<[string, Cap[], Partial<ProviderCall>]>([
    ["a limit is lowered", [cap("max_tokens", 400)], { maxTokens: 400 }],
    ["and never raised", [cap("max_tokens", 4_000)], { maxTokens: 1_000 }],
    ["a limit that was none is set", [cap("max_output_tokens", 64)], { maxOutputTokens: 64 }],
    ["of two, the tighter holds", [cap("max_tokens", 300), cap("max_tokens", 500)], { maxTokens: 300 }],
    ["steps", [cap("max_steps_remaining", 3)], { maxSteps: 3 }],
    ["an allowlist", [cap("tool_allowlist", ["search", "other"])], { tools: ["search"] }],
    [
      "two allowlists: what both allow",
      [cap("tool_allowlist", ["search", "mail"]), cap("tool_allowlist", ["mail"])],
      { tools: ["mail"] },
    ],
    ["a denylist", [cap("tool_denylist", ["shell"])], { tools: ["search", "mail"] }],
    [
      "an allowlist overrides a denylist",
      [cap("tool_denylist", ["mail"]), cap("tool_allowlist", ["mail"])],
      { tools: ["mail"] },
    ],
    [
      "an empty one allows nothing, and overrides nothing",
      [cap("tool_allowlist", []), cap("tool_denylist", ["mail"])],
      { tools: [] },
    ],
    ["the longer wait", [cap("cooldown_ms", 200), cap("cooldown_ms", 50)], { cooldownMs: 200 }],
    [
      "the least effort",
      [cap("reasoning_effort", "low"), cap("reasoning_effort", "medium")],
      { reasoningEffort: "low" },
    ],
    ["a set value: the last on the wire", [cap("temperature", 0.2), cap("temperature", 0.5)], { temperature: 0.5 }],
    ["another model", [cap("model_alias", "small")], { model: "small" }],
    [
      "a route, and limits on what it leads to",
      [cap("max_tokens", 900), cap("degrade.route_to", { model: "small", max_tokens: 500 })],
      { model: "small", maxTokens: 500 },
    ],
  ])("%s", (_name, caps, expected) => {
    expect(registry.apply(caps, call)).toEqual({ ...call, ...expected });
  });

  it.each<[string, Cap[], ProviderCall]>([
    ["an unknown type", [cap("quantum_limit", 1)], call],
    ["a call without the member", [cap("max_tokens", 5)], { model: "m" }],
    ["tools that nobody named", [cap("tool_denylist", ["shell"])], { tools: undefined }],
    ["a value of another type", [cap("max_tokens", "5")], call],
    ["a negative one", [cap("max_tokens", -5)], call],
    ["a broken one", [cap("max_tokens", 2.5)], call],
    ["an effort that cannot be compared", [cap("reasoning_effort", "extreme")], call],
    ["a route with a condition nobody keeps", [cap("degrade.route_to", { model: "s", region: "eu" })], call],
    ["a route to nowhere", [cap("degrade.route_to", {})], call],
    ["two ways to go", [cap("model_alias", "a"), cap("degrade.route_to", { model: "b" })], call],
    ["params that are no single value", [cap("max_tokens", { value: 5, unit: "x" })], call],
  ])("refused as a denial: %s", (_name, caps, onto) => {
    const error = refusal(() => registry.apply(caps, onto));
    expect(AspDeniedError.isInstance(error)).toBe(true);
    expect(error).toMatchObject({ reasonCode: "cap_unsupported" });
  });

  it("a deprecated type counts as unknown, and the list for publication says so", () => {
    const old: CapHandler<ProviderCall> = { type: "old", family: "narrow", deprecated: true, apply: (given) => given };
    const mine = createCapRegistry([...builtInCaps, old]);
    expect(mine.honours).not.toContain("old");
    expect(mine.recognised.at(-1)).toEqual({ type: "old", family: "narrow", deprecated: true });
    expect(AspDeniedError.isInstance(refusal(() => mine.apply([cap("old", 1)], call)))).toBe(true);
    expect(mine.recognised).toHaveLength(11);
    expect(() => createCapRegistry([old, old])).toThrow("one type");
  });

  it("ASP §2: a degraded grant is recognisable by type", () => {
    expect(degradedRoute({ caps: [cap("degrade.route_to", { model: "small", max_tokens: 5 })] })).toEqual({
      model: "small",
      max_tokens: 5,
    });
    expect(degradedRoute({ caps: [cap("max_tokens", 5)] })).toBeUndefined();
  });
});

function refusal(attempt: () => unknown): unknown {
  try {
    return attempt();
  } catch (error) {
    return error;
  }
}
