import { ConfigurationError } from "../errors/local-errors.ts";
import { Secret } from "../platform/secret.ts";

/** An API key, or where to get one: asked before every request, so that a rotated key is used at once. */
export type ApiKeySource = string | Secret | (() => string | Promise<string>);

/** A checked key, or a function that fetches and checks one. */
export type ResolvedApiKey = Secret | (() => Promise<Secret>);

/** @throws ConfigurationError for a key that is shorter than 8 characters or that no header can carry. */
export function resolveApiKey(source: ApiKeySource): ResolvedApiKey {
  if (typeof source === "string") return readKey(source);
  if (source instanceof Secret) return readKey(source.reveal());
  if (typeof source !== "function") throw new ConfigurationError("apiKey is neither text nor a function giving it.");
  return async () => {
    let key: unknown;
    try {
      key = await source();
    } catch (error) {
      throw new ConfigurationError("The apiKey function failed; nothing was sent.", { cause: error });
    }
    return readKey(key);
  };
}

/** A shorter key is no secret, and could not be cut out of a text without cutting into its words. */
const fitKey = /^[\x21-\x7e]{8,}$/;

function readKey(key: unknown): Secret {
  if (typeof key === "string" && fitKey.test(key)) return new Secret(key);
  throw new ConfigurationError("apiKey is under 8 characters, or holds a space or one outside ASCII.");
}

/**
 * An authority's address without a trailing slash.
 * @throws ConfigurationError for anything but a plain URL that is https, or http to this machine.
 */
export function normaliseBaseUrl(text: string, allowInsecureHttp: boolean): string {
  if (typeof text !== "string" || !URL.canParse(text)) {
    throw new ConfigurationError('baseUrl is not an absolute URL such as "https://authority.example.com".');
  }
  const url = new URL(text);
  if (url.protocol !== "https:" && url.protocol !== "http:") {
    throw new ConfigurationError("baseUrl must begin with https:// (or http:// on this machine).");
  }
  if (url.username !== "" || url.password !== "") {
    throw new ConfigurationError("baseUrl holds a user name or password; pass the credential as apiKey.");
  }
  if (url.search !== "" || url.hash !== "") {
    throw new ConfigurationError("baseUrl holds a query or a fragment; remove it.");
  }
  if (url.protocol === "http:" && !isLoopback(url.hostname) && !allowInsecureHttp) {
    throw new ConfigurationError(
      "baseUrl is http: to another machine, so the API key would travel in the clear. Use https:, or set allowInsecureHttp: true.",
    );
  }
  return `${url.origin}${url.pathname.replace(/\/+$/, "")}`;
}

/** The URL parser has already brought every spelling of an IPv4 address into four decimal parts. */
export function isLoopback(host: string): boolean {
  return host === "localhost" || host.endsWith(".localhost") || host === "[::1]" || /^127\.\d+\.\d+\.\d+$/.test(host);
}

/** A whole number from 1 to `most`. @throws ConfigurationError naming the option. */
export function wholeOption(name: string, value: number | undefined, fallback: number, most: number): number {
  if (value === undefined) return fallback;
  if (Number.isSafeInteger(value) && value >= 1 && value <= most) return value;
  throw new ConfigurationError(`${name} must be a whole number from 1 to ${most}.`);
}

/** @throws ConfigurationError for an option that does not exist: a misspelt one would be ignored in silence. */
export function refuseUnknownOptions(options: object, known: ReadonlySet<string>): void {
  const unknown = Object.keys(options).filter((name) => !known.has(name));
  if (unknown.length > 0) throw new ConfigurationError(`There is no option ${unknown.join(", ")}; remove it.`);
}

/**
 * True in a page or a worker of one, where every visitor can read what it holds. Node, Deno, Bun and Cloudflare Workers
 * name themselves in `navigator.userAgent`.
 */
export function isBrowser(): boolean {
  const { document, navigator } = globalThis as {
    readonly document?: unknown;
    readonly navigator?: { readonly userAgent?: string };
  };
  return document !== undefined || (navigator?.userAgent?.startsWith("Mozilla/") ?? false);
}

/** @throws ConfigurationError in a browser, unless the caller has said that the credential may be seen there. */
export function refuseBrowserCredentials(allowed: boolean): void {
  if (!isBrowser() || allowed) return;
  throw new ConfigurationError(
    "In a browser every visitor can read the API key. Call from a server, or set allowBrowserCredentials: true.",
  );
}
