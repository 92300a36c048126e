import { bedrockBases } from "./providers.ts";
import type { Environment, GatewayRoute } from "./routes.ts";

const loopback = ["127.0.0.1", "localhost", "::1"];

/** What is set for the child beside what it inherits: base addresses, credentials, and no proxy on the way to the gateway. */
export function childVariables(
  origin: string,
  routes: readonly GatewayRoute[],
  environment: Environment,
): Readonly<Record<string, string>> {
  const set: Record<string, string> = {};
  for (const { provider, shown, upstream } of routes) {
    if (upstream === undefined) continue;
    for (const { name, path } of provider.bases) set[name] = `${origin}/${provider.name}${path}`;
    Object.assign(set, shown);
  }
  for (const { name } of bedrockBases) set[name] = `${origin}/bedrock`;
  const bypassed = environment["NO_PROXY"] ?? environment["no_proxy"] ?? "";
  const bypass = [...bypassed.split(",").filter((host) => host.trim() !== ""), ...loopback].join(",");
  return { ...set, NO_PROXY: bypass, no_proxy: bypass };
}
