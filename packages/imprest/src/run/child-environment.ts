import { bedrockBases, providers } from "./providers.ts";
import type { Environment, GatewayRoute } from "./routes.ts";

/** Names of keys: of any provider's API, and whatever else is a key or a token of one that sells models. */
const keyNames =
  /_API_(?:KEY|TOKEN)(?:_|$)|_ADMIN_KEY$|^(?:OPENAI|ANTHROPIC|CLAUDE|AZURE|GEMINI|GOOGLE|VERTEX|HF|HUGGING_?FACE|REPLICATE|MISTRAL|COHERE|GROQ|XAI|TOGETHER|OPENROUTER|GITHUB_MODELS)(?:_.*)?_(?:KEY|TOKEN)$|^AWS_(?:BEARER_TOKEN_BEDROCK|SECRET_ACCESS_KEY)$/i;

/** Variables that look like keys of providers without a row: the program keeps them, and may spend beside the budget. */
export function foreignKeys(
  environment: Environment,
  replaced: Readonly<Record<string, string>> = {},
): readonly string[] {
  const known = new Set([...providers.flatMap(({ keys }) => keys.map(({ name }) => name)), ...Object.keys(replaced)]);
  const isForeign = (name: string): boolean => keyNames.test(name) && !known.has(name);
  return Object.keys(environment).filter((name) => isForeign(name) && (environment[name] ?? "") !== "");
}

/**
 * What a program may inherit under a budget that a server keeps: nothing that the gateway itself takes from the environment
 * to reach it, and its key under no other name. Who holds it could reserve, and settle what was never spent.
 */
export function withoutServer(environment: Environment): Environment {
  const key = environment["CYCLES_API_KEY"] ?? "";
  const isServers = (name: string, value = ""): boolean =>
    /^CYCLES_/i.test(name) || (key !== "" && value.includes(key));
  return Object.fromEntries(Object.entries(environment).filter(([name, value]) => !isServers(name, value)));
}

/** Shorter, a key may stand in another value by chance. */
const shortestKey = 12;

/** Variables of any name that hold a key which the gateway puts in, with its credential in the key's place. */
function otherNames(routes: readonly GatewayRoute[], environment: Environment): Record<string, string> {
  const keys = routes.flatMap((route) => [...route.keys]);
  const set: Record<string, string> = {};
  for (const [name, value = ""] of Object.entries(environment)) {
    const shown = keys.reduce(
      (text, [credential, key]) =>
        key.length >= shortestKey ? text.replaceAll(key, credential) : text === key ? credential : text,
      value,
    );
    if (shown !== value) set[name] = shown;
  }
  return set;
}

const loopback = ["127.0.0.1", "localhost", "::1"];

/** What is set for the child beside what it inherits: base addresses, credentials, and no proxy on the way to the gateway. */
export function childVariables(
  origin: string,
  routes: readonly GatewayRoute[],
  environment: Environment,
): Readonly<Record<string, string>> {
  // The same key may stand under a name that no SDK reads by itself.
  const set = otherNames(routes, environment);
  for (const { provider, shown, upstream } of routes) {
    // A key is replaced even where nothing can be forwarded: the program must not spend it beside the budget.
    Object.assign(set, shown);
    if (upstream === undefined) continue;
    for (const { name, path } of provider.bases) set[name] = `${origin}/${provider.name}${path}`;
  }
  for (const { name } of bedrockBases) set[name] = `${origin}/bedrock`;
  const bypassed = environment["NO_PROXY"] ?? environment["no_proxy"] ?? "";
  const bypass = [...bypassed.split(",").filter((host) => host.trim() !== ""), ...loopback].join(",");
  return { ...set, NO_PROXY: bypass, no_proxy: bypass };
}
