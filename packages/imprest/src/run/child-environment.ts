import { bedrockBases, providers } from "./providers.ts";
import type { Environment, GatewayRoute } from "./routes.ts";

/** Variables that look like keys of providers without a row: the program keeps them, and may spend beside the budget. */
export function foreignKeys(environment: Environment): readonly string[] {
  const known = new Set(providers.flatMap(({ keys }) => keys.map(({ name }) => name)));
  const isForeign = (name: string): boolean => /^[A-Z0-9_]+_API_KEY$/.test(name) && !known.has(name);
  return Object.keys(environment).filter((name) => isForeign(name) && (environment[name] ?? "") !== "");
}

const loopback = ["127.0.0.1", "localhost", "::1"];

/** What is set for the child beside what it inherits: base addresses, credentials, and no proxy on the way to the gateway. */
export function childVariables(
  origin: string,
  routes: readonly GatewayRoute[],
  environment: Environment,
): Readonly<Record<string, string>> {
  const set: Record<string, string> = {};
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
