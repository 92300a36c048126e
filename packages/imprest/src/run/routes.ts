import { ConfigurationError } from "@imprest/core";
import { randomHex } from "@imprest/core/internal";
import { type Provider, providers } from "./providers.ts";

/** Where the gateway sends requests of one provider, and which keys it puts in. */
export interface GatewayRoute {
  readonly provider: Provider;
  /** Absent: the user named no address, and the vendor has none that is everyone's. */
  readonly upstream?: URL | undefined;
  /** The key that stands behind each credential of the child. */
  readonly keys: ReadonlyMap<string, string>;
  /** The child's value for each variable that holds a key. */
  readonly shown: Readonly<Record<string, string>>;
}

export type Environment = Readonly<Record<string, string | undefined>>;

/**
 * The routes of an environment: the upstream is what the variable said, else the vendor's host.
 * @param keepsKeys the child keeps its keys, for programs that check a key's form.
 * @throws ConfigurationError naming the variable that holds no http address. Its value is not repeated: it may hold a password.
 */
export function routesOf(environment: Environment, keepsKeys: boolean): readonly GatewayRoute[] {
  return providers.map((provider) => {
    const keys = new Map<string, string>();
    const shown: Record<string, string> = {};
    for (const { name } of provider.keys) {
      const key = environment[name];
      if (key === undefined || key === "") continue;
      const credential = keepsKeys ? key : `sk-imprest-${randomHex(24)}`;
      keys.set(credential, key);
      shown[name] = credential;
    }
    return { provider, upstream: upstreamOf(provider, environment), keys, shown };
  });
}

function upstreamOf({ bases, upstream }: Provider, environment: Environment): URL | undefined {
  const said = bases.find(({ name }) => (environment[name] ?? "") !== "");
  const address = said === undefined ? upstream : environment[said.name];
  if (address === undefined) return undefined;
  const url = URL.canParse(address) ? new URL(address) : undefined;
  if (url === undefined || !/^https?:$/.test(url.protocol)) {
    throw new ConfigurationError(`${said?.name ?? "The upstream"} holds no http: or https: address.`);
  }
  if (url.username === "" && url.password === "") return url;
  throw new ConfigurationError(
    `${said?.name ?? "The upstream"} holds a password in its address; nothing is sent there.`,
  );
}

const version = /^\/v\d+(?:(?:alpha|beta)\d*)?(?=\/|$)/;
const endsInVersion = /\/v\d+(?:(?:alpha|beta)\d*)?\/*$/;

/** The address upstream for a path behind the provider's name. SDKs differ in whether their base holds the version. */
export function addressOf(
  { provider, upstream }: GatewayRoute & { readonly upstream: URL },
  path: string,
  query: URLSearchParams,
): URL {
  const [own = ""] = version.exec(path) ?? [];
  const rest = path.slice(own.length);
  const isWhole = endsInVersion.test(upstream.pathname) || (provider.isBaseWhole && provider.name !== "azure");
  const added = isWhole ? "" : own || (provider.version === undefined ? "" : `/${provider.version}`);
  const address = new URL(upstream);
  address.pathname = upstream.pathname.replace(/\/+$/, "") + added + rest;
  for (const [name, value] of query) address.searchParams.append(name, value);
  return address;
}
