import type { ConsoleState, LiveEvents } from "imprest/internal";
import { type PagesServer, servePages } from "../../../packages/imprest/src/cli/pages/serve-pages.ts";

/** What `GET api/…` answers, by the path without its query: JSON, or a status that is no success. */
export type Answers = Record<string, unknown>;

export interface FakeConsole extends AsyncDisposable {
  readonly server: PagesServer;
  /** May be changed while the page is open. A number is a status, `undefined` an answer that never comes, a function is given the query. */
  readonly answers: Answers;
  /** The paths that were asked for, in order. */
  readonly asked: string[];
  /** The `Last-Event-ID` of each connection to the feed. */
  readonly resumed: (string | null)[];
  /** Sends an event to every page, with an id where it has one. */
  send<Name extends keyof LiveEvents>(name: Name, data: LiveEvents[Name], id?: number): void;
  /** Sends text as it is. */
  sendRaw(text: string): void;
  /** Breaks the feed of every page. */
  drop(): void;
}

export const emptyState: ConsoleState = {
  authority: { kind: "embedded", target: "memory" },
  live: "pushed",
  nowMs: Date.now(),
  waiting: true,
  denials: true,
  upstream: { ok: true },
};

/** The console's wire without an authority behind it: the page is shown what a test writes. */
export async function fakeConsole(folder: string, given: Answers = {}): Promise<FakeConsole> {
  const answers: Answers = {
    state: emptyState,
    budgets: { rows: [], isCut: false },
    activities: { activities: [], isCut: false },
    waiting: { rows: [], isCut: false, failures: [] },
    burn: 404,
    ...given,
  };
  const feeds = new Set<ReadableStreamDefaultController<Uint8Array>>();
  const asked: string[] = [];
  const resumed: (string | null)[] = [];
  const encoder = new TextEncoder();
  const sendRaw = (text: string): void => {
    for (const feed of feeds) feed.enqueue(encoder.encode(text));
  };
  const api = async (request: Request): Promise<Response> => {
    const { pathname, search, searchParams } = new URL(request.url);
    const name = pathname.replace("/api/", "");
    asked.push(`${name}${search}`);
    if (name === "live") {
      if (typeof answers["live"] === "number") return new Response("no feed", { status: answers["live"] });
      resumed.push(request.headers.get("Last-Event-ID"));
      return feedResponse(feeds, request.signal, encoder);
    }
    const answer = name in answers ? answers[name] : answers[name.split("/")[0] ?? ""];
    if (typeof answer === "function")
      return Response.json((answer as (query: URLSearchParams) => unknown)(searchParams));
    if (answer === undefined) await new Promise((_resolve, reject) => request.signal.addEventListener("abort", reject));
    if (typeof answer === "number") return new Response(`refused with ${answer}`, { status: answer });
    return typeof answer === "string" ? new Response(answer) : Response.json(answer);
  };
  const server = await servePages({ page: "console.html", folder, api });
  return {
    server,
    answers,
    asked,
    resumed,
    sendRaw,
    send(name, data, id) {
      sendRaw(`event: ${name}\n${id === undefined ? "" : `id: ${id}\n`}data: ${JSON.stringify(data)}\n\n`);
    },
    drop() {
      for (const feed of feeds) feed.error(new Error("dropped"));
      feeds.clear();
    },
    async [Symbol.asyncDispose]() {
      await server.close();
    },
  };
}

function feedResponse(
  feeds: Set<ReadableStreamDefaultController<Uint8Array>>,
  signal: AbortSignal,
  encoder: TextEncoder,
): Response {
  const body = new ReadableStream<Uint8Array>({
    start(controller) {
      feeds.add(controller);
      controller.enqueue(encoder.encode("retry: 200\n\n"));
      signal.addEventListener("abort", () => feeds.delete(controller));
    },
  });
  return new Response(body, { headers: { "Content-Type": "text/event-stream" } });
}
