import type { CapHandler, ProviderCall } from "./handler.ts";

/** The least first; a cap on an effort that is not listed cannot be compared, so it is not applied. */
const efforts: readonly unknown[] = ["none", "minimal", "low", "medium", "high", "xhigh"];

/**
 * The nine cap types of the crosswalk's v0.2 vocabulary, and the draft's own `degrade.route_to`. Of two narrowing caps
 * the tighter one holds, and a tool allowlist that is not empty overrides a denylist.
 */
export const builtInCaps: readonly CapHandler<ProviderCall>[] = [
  { type: "model_alias", family: "redirect", apply: (call, value) => redirect(call, value) },
  { type: "degrade.route_to", family: "redirect", apply: (call, value) => degrade(call, value) },
  {
    type: "temperature",
    family: "set",
    apply: (call, value) => ("temperature" in call && isNumber(value) ? { ...call, temperature: value } : undefined),
  },
  { type: "max_tokens", family: "narrow", apply: (call, value) => lower(call, "maxTokens", value) },
  { type: "max_output_tokens", family: "narrow", apply: (call, value) => lower(call, "maxOutputTokens", value) },
  { type: "max_steps_remaining", family: "narrow", apply: (call, value) => lower(call, "maxSteps", value) },
  {
    type: "tool_allowlist",
    family: "narrow",
    apply: (call, value) => keepTools(call, value, (tool, listed) => listed.includes(tool)),
  },
  {
    type: "tool_denylist",
    family: "narrow",
    apply: (call, value, others) =>
      others.includes("tool_allowlist") ? call : keepTools(call, value, (tool, listed) => !listed.includes(tool)),
  },
  {
    type: "cooldown_ms",
    family: "narrow",
    apply: (call, value) =>
      "cooldownMs" in call && isNumber(value)
        ? { ...call, cooldownMs: Math.max(call.cooldownMs ?? 0, value) }
        : undefined,
  },
  { type: "reasoning_effort", family: "narrow", apply: (call, value) => lowerEffort(call, value) },
];

function lower(
  call: ProviderCall,
  member: "maxTokens" | "maxOutputTokens" | "maxSteps",
  value: unknown,
): ProviderCall | undefined {
  if (!(member in call) || !isNumber(value) || !Number.isInteger(value)) return undefined;
  return { ...call, [member]: Math.min(call[member] ?? value, value) };
}

function keepTools(
  call: ProviderCall,
  listed: unknown,
  keeps: (tool: string, listed: readonly unknown[]) => boolean,
): ProviderCall | undefined {
  const { tools } = call;
  // Tools that nobody has named cannot be chosen from.
  if (tools === undefined || !Array.isArray(listed)) return undefined;
  return { ...call, tools: tools.filter((tool) => keeps(tool, listed)) };
}

function lowerEffort(call: ProviderCall, value: unknown): ProviderCall | undefined {
  const { reasoningEffort = value } = call;
  const [wanted, allowed] = [efforts.indexOf(reasoningEffort), efforts.indexOf(value)];
  if (!("reasoningEffort" in call) || wanted === -1 || allowed === -1) return undefined;
  return { ...call, reasoningEffort: String(efforts[Math.min(wanted, allowed)]) };
}

function redirect(call: ProviderCall, model: unknown): ProviderCall | undefined {
  return "model" in call && typeof model === "string" && model !== "" ? { ...call, model } : undefined;
}

/** A route may also limit what it leads to; a member that is none of these is a condition nobody would keep. */
function degrade(call: ProviderCall, route: unknown): ProviderCall | undefined {
  if (typeof route !== "object" || route === null) return undefined;
  const {
    model,
    max_tokens: maxTokens,
    max_output_tokens: maxOutputTokens,
    ...others
  } = route as Record<string, unknown>;
  if (Object.keys(others).length > 0) return undefined;
  let routed = redirect(call, model);
  if (routed !== undefined && maxTokens !== undefined) routed = lower(routed, "maxTokens", maxTokens);
  if (routed !== undefined && maxOutputTokens !== undefined) routed = lower(routed, "maxOutputTokens", maxOutputTokens);
  return routed;
}

function isNumber(value: unknown): value is number {
  return typeof value === "number" && Number.isFinite(value) && value >= 0;
}
