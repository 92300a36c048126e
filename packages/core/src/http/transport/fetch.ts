import { ConnectionError, ResponseFormatError } from "../../errors/transport-errors.ts";
import { plainCause } from "../plain-cause.ts";
import { readText } from "../read-text.ts";
import { type HttpRequest, type Transport, refuseRedirect } from "../transport.ts";

/** A transport over a web-standard `fetch`, by default the platform's own. */
export function createFetchTransport(fetchLike: typeof fetch = (...args) => globalThis.fetch(...args)): Transport {
  return async (request, { signal, maxResponseBytes }) => {
    try {
      const { method, url, headers } = request;
      const body = request.body === undefined ? {} : { body: request.body };
      // "manual", not "error": Workers know no "error", and a redirect must not look like a failed connection.
      const init: RequestInit = { method, headers, signal, redirect: "manual", ...withoutCookies(), ...body };
      const response = await fetchLike(url, init);
      const text = await readText(response.body, maxResponseBytes);
      if (text === undefined)
        throw new ResponseFormatError(`The answer is larger than ${maxResponseBytes} bytes.`, {
          status: response.status,
        });
      refuseRedirect(response.type === "opaqueredirect" ? 302 : response.status);
      return { status: response.status, headers: Object.fromEntries(response.headers), body: text };
    } catch (error) {
      if (signal.aborted) throw signal.reason;
      if (ResponseFormatError.isInstance(error)) throw error;
      throw new ConnectionError(`No answer from ${hostOf(request)}: the connection failed.`, {
        cause: plainCause(error),
      });
    }
  };
}

/** A browser would add the cookies of its own origin; older Workers throw at the option, having no cookies. */
function withoutCookies(): RequestInit {
  return "credentials" in Request.prototype ? { credentials: "omit" } : {};
}

/** The default transport of runtimes whose `fetch` is the fastest way out. */
export const defaultTransport: () => Transport = () => createFetchTransport();

function hostOf(request: HttpRequest): string {
  return URL.canParse(request.url) ? new URL(request.url).host : "the server";
}
