import { type IncomingMessage, type ServerResponse, createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { type BuiltPages, openBuiltPages } from "./built-pages.ts";
import { PageAccess } from "./page-access.ts";

export interface ServePagesOptions {
  /** The file that is the first page, such as `console.html`. */
  readonly page: string;
  /** Answers what the page asks for under `api/`: a GET whose URL's path begins with `/api/`, from the session's browser. */
  readonly api: (request: Request) => Response | Promise<Response>;
  /** 0 for any free port. Default: 0. */
  readonly port?: number | undefined;
  /** Where the built pages are. Default: what the package ships. */
  readonly folder?: string | undefined;
}

/** Pages that are served to one browser of this machine. */
export interface PagesServer {
  /** `http://127.0.0.1:40123` */
  readonly origin: string;
  /** What the user opens; it works once. A secret until then: it goes to the terminal and nowhere else. */
  readonly link: string;
  /** Breaks what is under way, stops listening, and resolves when every request has ended. */
  close(): Promise<void>;
}

/** The pages load nothing from elsewhere, run no inline script, and stand in no frame. */
const policy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' data:",
  "connect-src 'self'",
  "worker-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join("; ");

const headersOfAll: Readonly<Record<string, string>> = {
  "Content-Security-Policy": policy,
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
  const server = createServer({ noDelay: true });
  server.maxConnections = maxConnections;
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, "127.0.0.1", resolve);
  });
  const { port: bound } = server.address() as AddressInfo;
  const access = new PageAccess(bound);
  const open = new Set<Promise<void>>();
  server.on("request", (request, response) => {
    const answered = answer({ access, pages, page, api }, request, response).finally(() => open.delete(answered));
    open.add(answered);
  });
  const origin = `http://127.0.0.1:${bound}`;
  return {
    origin,
    link: `${origin}${access.link}`,
    async close() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      server.closeAllConnections();
      await closed;
      await Promise.all(open);
    },
  };
}

interface Serving {
  readonly access: PageAccess;
  readonly pages: BuiltPages;
  readonly page: string;
  readonly api: (request: Request) => Response | Promise<Response>;
}

/** Never rejects: what cannot be answered is a broken connection. */
async function answer(serving: Serving, incoming: IncomingMessage, response: ServerResponse): Promise<void> {
  const client = new AbortController();
  response.once("close", () => client.abort());
  try {
    const { status, headers, body } = await respond(serving, incoming, client.signal);
    // Ours last: an answer of `api` cannot loosen them.
    response.setHeaders(headers);
    for (const [name, value] of Object.entries(headersOfAll)) response.setHeader(name, value);
    response.writeHead(status);
    response.flushHeaders();
    if (body === null) response.end();
    else await pipeline(Readable.fromWeb(body as Parameters<typeof Readable.fromWeb>[0]), response);
  } catch {
    response.destroy();
  }
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
