import { readFile } from "node:fs/promises";
import { getCACertificates } from "node:tls";
import { EnvHttpProxyAgent, fetch as undiciFetch } from "undici";
import type { Environment } from "../../run/routes.ts";

/** What sends to the providers. */
export interface UpstreamFetch {
  readonly fetch: typeof fetch;
  close(): Promise<void>;
}

/**
 * A fetch by the user's proxies (`HTTPS_PROXY`, `HTTP_PROXY`, `NO_PROXY`) and certificates (`NODE_EXTRA_CA_CERTS`, which
 * Node reads itself, `SSL_CERT_FILE`), without a timeout of its own while a model thinks.
 * @throws what keeps a file of certificates from being read.
 */
export async function upstreamFetch(environment: Environment): Promise<UpstreamFetch> {
  const file = environment["SSL_CERT_FILE"] ?? "";
  const ca = file === "" ? undefined : [...getCACertificates("default"), await readFile(file, "utf8")];
  const tls = ca === undefined ? {} : { connect: { ca }, requestTls: { ca }, proxyTls: { ca } };
  const of = (name: string): string => environment[name.toLowerCase()] ?? environment[name] ?? "";
  const agent = new EnvHttpProxyAgent({
    httpProxy: of("HTTP_PROXY"),
    httpsProxy: of("HTTPS_PROXY"),
    noProxy: of("NO_PROXY"),
    headersTimeout: 0,
    bodyTimeout: 0,
    ...tls,
  });
  const send = (input: unknown, init: unknown): unknown =>
    undiciFetch(input as string, { ...(init as RequestInit), dispatcher: agent } as Parameters<typeof undiciFetch>[1]);
  return { fetch: send as typeof fetch, close: () => agent.destroy() };
}
