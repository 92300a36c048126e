import { ConfigurationError } from "../errors/local-errors.ts";

/** An absolute HTTP(S) URL without user information, query, fragment, white space or a backslash. */
const plainUrl = /^https?:\/\/[^/?#@\\\s]+(\/[^?#\\\s]*)?$/i;
const loopbackHosts: readonly string[] = ["127.0.0.1", "localhost", "[::1]"];

/** The origins that an operator trusts; nothing else is ever fetched. */
export class TrustedOrigins {
  readonly #origins: ReadonlySet<string>;

  /**
   * @param origins such as `https://keys.example`.
   * @param allowLoopbackHttp also takes `http:` origins on this machine, for development.
   * @throws ConfigurationError for anything but a bare HTTPS origin.
   */
  constructor(origins: readonly string[], allowLoopbackHttp: boolean) {
    this.#origins = new Set(origins.map((text) => originOf(text, allowLoopbackHttp)));
  }

  /**
   * The URL as it would be fetched, or `undefined` when it must not be: another origin, user information, a query or a
   * fragment, or a path that the URL parser would rewrite (`/a/../b`), so that two readers see two places.
   */
  admit(text: string): URL | undefined {
    const written = plainUrl.exec(text);
    if (written === null || !URL.canParse(text)) return undefined;
    const url = new URL(text);
    return this.#origins.has(url.origin) && url.pathname === (written[1] ?? "/") ? url : undefined;
  }
}

function originOf(text: string, allowLoopbackHttp: boolean): string {
  const url = plainUrl.test(text) && URL.canParse(text) ? new URL(text) : undefined;
  const loopback = allowLoopbackHttp && url !== undefined && loopbackHosts.includes(url.hostname);
  if (url === undefined || url.pathname !== "/" || (url.protocol !== "https:" && !loopback)) {
    throw new ConfigurationError("trustedOrigins takes bare HTTPS origins, such as https://keys.example.");
  }
  return url.origin;
}
