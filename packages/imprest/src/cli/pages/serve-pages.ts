import type { IncomingMessage } from "node:http";
import { pagePolicy } from "../../pages/policy.ts";
import { type LoopbackServer, listen } from "../loopback-server.ts";
import { type BuiltPages, openBuiltPages } from "./built-pages.ts";
import { PageAccess } from "./page-access.ts";

export interface ServePagesOptions {
  /** The file that is the first page, such as `console.html`. */
  readonly page: string;
  /** Answers what the page asks for under `api/`: a GET whose URL's path begins with `/api/`, from the session's browser. */
  readonly api: (request: Request) => Response | Promise<Response>;
  /** 0 for any free port. By default: 0. */
  readonly port?: number | undefined;
  /** Where the built pages are. By default: what the package ships. */
  readonly folder?: string | undefined;
}

/** Pages that are served to one browser of this machine. */
export interface PagesServer extends LoopbackServer {
  /** What the user opens; it works once. A secret until then: it goes to the terminal and nowhere else. */
  readonly link: string;
}

const headersOfAll: Readonly<Record<string, string>> = {
  "Content-Security-Policy": `${pagePolicy}; frame-ancestors 'none'`,
  "X-Content-Type-Options": "nosniff",
  "Referrer-Policy": "no-referrer",
  "Cache-Control": "no-store",
  "Cross-Origin-Opener-Policy": "same-origin",
  "Cross-Origin-Resource-Policy": "same-origin",
};

/** A browser opens six at a time for each of its tabs; nobody else has business here. */
const maxConnections = 64;

/**
 * Serves built pages and their data on the loopback interface, to whoever opens the link (`PageAccess`).
 * @throws UsageError where the pages are not built; the system's error where it cannot listen.
 */
export async function servePages({ page, api, port = 0, folder }: ServePagesOptions): Promise<PagesServer> {
  const pages = await openBuiltPages(page, folder);
  let link = "";
  const server = await listen(
    (bound) => {
      const access = new PageAccess(bound);
      ({ link } = access);
      return async (incoming, signal) => guarded(await respond({ access, pages, page, api }, incoming, signal));
    },
    { port, maxConnections },
  );
  return { ...server, link: `${server.origin}${link}` };
}

interface Serving {
  readonly access: PageAccess;
  readonly pages: BuiltPages;
  readonly page: string;
  readonly api: (request: Request) => Response | Promise<Response>;
}

/** With our headers last: an answer of `api` cannot loosen them. */
function guarded({ status, headers: given, body }: Response): Response {
  const headers = new Headers(given);
  for (const [name, value] of Object.entries(headersOfAll)) headers.set(name, value);
  return new Response(body, { status, headers });
}

async function respond(
  { access, pages, page, api }: Serving,
  { method, url, headersDistinct, headers }: IncomingMessage,
  signal: AbortSignal,
): Promise<Response> {
  const decision = access.decide({ method, target: url, header: (name) => headersDistinct[name] });
  if (decision.kind === "refused") return text(decision.status, decision.why);
  if (decision.kind === "admitted") {
    return new Response(null, { status: 303, headers: { Location: decision.location, "Set-Cookie": decision.cookie } });
  }
  const { path } = decision;
  if (!path.startsWith("api/")) {
    const file = await pages.read(path === "" ? page : path);
    return file === undefined
      ? text(404, "There is no such page.")
      : new Response(file.bytes, { headers: { "Content-Type": file.type } });
  }
  const query = (url ?? "").split("?").slice(1).join("?");
  const lastEventId = headers["last-event-id"];
  const sent = typeof lastEventId === "string" ? { "Last-Event-ID": lastEventId } : {};
  try {
    return await api(new Request(`http://pages.invalid/${path}?${query}`, { headers: sent, signal }));
  } catch {
    return text(500, "The command that serves this page could not answer.");
  }
}

function text(status: number, why: string): Response {
  const headers = { "Content-Type": "text/plain; charset=utf-8", ...(status === 405 && { Allow: "GET" }) };
  return new Response(`${why}\n`, { status, headers });
}
