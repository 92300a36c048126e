import { type Bag, type ProviderRequest, type Said, type Wire, bag, isBag, list, text } from "./wire.ts";

/** Azure names the model in its path: `/openai/deployments/NAME/chat/completions`. */
const deployment = /\/deployments\/([^/]+)\//;

/** The model of an OpenAI request: the deployment, which is what answers whatever the body says, or its member. */
export function openAiModel({ url, body }: ProviderRequest): string | undefined {
  const [, name] = deployment.exec(url.pathname) ?? [];
  return name === undefined ? text(body, "model") : decodeURIComponent(name);
}

/** What stands beside the usage and changes the price: the tier, searches and images of tools, what another model drew. */
const besideUsage = ["service_tier", "tool_usage", "svg_usage"];

/** The usage of an OpenAI answer with what stands beside it. */
export function openAiUsage(answer: Bag): unknown {
  const usage = answer["usage"] ?? bag(answer["x_groq"])["usage"];
  if (!isBag(usage)) return usage ?? undefined;
  const beside = besideUsage.filter((name) => isBag(answer[name]) || typeof answer[name] === "string");
  return { ...Object.fromEntries(beside.map((name) => [name, answer[name]])), ...usage };
}

/** Every name under which a tool may be run: of its function, and the type of one that runs at the provider, whatever its name. */
export function openAiToolNames(tool: Bag): readonly string[] {
  const type = text(tool, "type") ?? "function";
  const inner = list(tool["tools"]).flatMap(openAiToolNames);
  const names = [tool, bag(tool["function"]), bag(tool["custom"])].flatMap((part) => text(part, "name") ?? []);
  // A group stands for the functions in it.
  if (inner.length > 0) return inner;
  return /^(?:function|custom)$/.test(type) && names.length > 0 ? names : [type, ...names];
}

/** Chat completions, and completions of the older kind: OpenAI, Azure and whatever is compatible. */
export const openAiChat: Wire = {
  name: "openai-chat",
  action: "llm.completion",
  errors: "openai",
  model: openAiModel,
  isStream: ({ body }) => body["stream"] === true,
  limitAt(body) {
    const isOlder = "max_tokens" in body || !("messages" in body);
    return [isOlder && !("max_completion_tokens" in body) ? "max_tokens" : "max_completion_tokens"];
  },
  toolNames: openAiToolNames,
  // xAI answers with an id, and works afterwards.
  isDetached: ({ body }) => body["deferred"] === true,
  calls: (event) => (list(event["choices"]).some(citesPages) ? [{ unit: "webSearch", id: "search" }] : []),
  hidesCalls,
  askForUsage(body) {
    const options = bag(body["stream_options"]);
    if (options["include_usage"] === true) return undefined;
    return { ...body, stream_options: { ...options, include_usage: true } };
  },
  isUsageAlone: (event) => isBag(event["usage"]) && Array.isArray(event["choices"]) && event["choices"].length === 0,
  read(event): Said {
    const usage = openAiUsage(event);
    const choices = list(event["choices"]);
    const ended = choices.filter((choice) => isGiven(choice["finish_reason"])).map(({ index }) => index ?? 0);
    // A usage alone ends nothing: some providers state a running one, and text may follow.
    return { usage, ended };
  },
};

/** An answer of OpenAI's with citations was searched for, once, and its usage does not say so. */
function citesPages({ message, delta }: Bag): boolean {
  const { annotations } = bag(message ?? delta);
  return list(annotations).some(({ type }) => type === "url_citation");
}

const searching = ["web_search_options", "search_parameters", "plugins"];

/** Whether a body asks for tools of the provider's. */
export function hidesCalls(body: Bag): boolean {
  const isOwn = ({ type = "function" }: Bag): boolean => type === "function" || type === "custom";
  return searching.some((name) => isGiven(body[name])) || !list(body["tools"]).every(isOwn);
}

function isGiven(value: unknown): boolean {
  return value !== null && value !== undefined;
}
