import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import type { OpenConsoleOptions } from "../../src/cli/console/open-console.ts";
import { openConsole } from "../../src/cli/console/open-console.ts";
import type {
  ConsoleSource,
  NewActivity,
  SourceListener,
  SourceReservation,
  SourceRow,
} from "../../src/cli/console/source.ts";

export function rowOf(id: string, more: Partial<SourceRow> = {}): SourceRow {
  const amounts = { allocated: "1000", spent: "0", reserved: "0", debt: "0", remaining: "1000" };
  return {
    id,
    tenant: "acme",
    scope: `tenant:acme/agent:${id}`,
    unit: "TOKENS",
    ...amounts,
    isOverLimit: false,
    ...more,
  };
}

export function reserved(id: string, more: Partial<NewActivity> = {}): NewActivity {
  return { kind: "reserved", atMs: 1, tenant: "acme", scope: "tenant:acme/agent:a", reservationId: id, ...more };
}

/** A source that a test speaks through. */
export class FakeSource implements ConsoleSource {
  readonly authority = { kind: "embedded", target: "a test" } as const;
  readonly live = "pushed";
  readonly seesDenials = true;
  readonly known = new Map<string, SourceReservation>();
  listener: SourceListener | undefined;

  follow(listener: SourceListener): () => void {
    this.listener = listener;
    listener.listed([], false);
    return () => (this.listener = undefined);
  }

  reservation(id: string): Promise<SourceReservation | undefined> {
    return Promise.resolve(this.known.get(id));
  }
}

/** A folder with a page in it, which stands for the built ones. */
export function pagesFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "imprest-console-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  writeFileSync(join(folder, "console.html"), "<!doctype html><title>Console</title>");
  return folder;
}

/** The console over real sockets, opened in a browser of which there is only what it sends. */
export async function openedConsole(options: OpenConsoleOptions): Promise<Browsing & { close(): Promise<void> }> {
  const opened = await openConsole({ folder: pagesFolder(), ...options });
  onTestFinished(() => opened.close());
  return { ...(await browse(opened.link)), close: () => opened.close() };
}

export interface Browsing {
  readonly link: string;
  readonly base: string;
  readonly cookie: string;
  get(path: string, headers?: Readonly<Record<string, string>>): Promise<Response>;
  json<Answer>(path: string): Promise<Answer>;
  live(headers?: Readonly<Record<string, string>>): Promise<LiveReader>;
}

/** Opens a link as a browser does: the cookie goes with what follows. */
export async function browse(link: string): Promise<Browsing> {
  const entered = await fetch(link, { redirect: "manual" });
  const cookie = entered.headers.get("set-cookie")?.split(";")[0] ?? "";
  const base = new URL(entered.headers.get("location") ?? "", link).href;
  const get = (path: string, headers = {}): Promise<Response> =>
    fetch(base + path, { headers: { cookie, ...headers } });
  return {
    link,
    base,
    cookie,
    get,
    json: async <Answer>(path: string) => (await (await get(path)).json()) as Answer,
    live: (headers = {}) => readLive(`${base}api/live`, { cookie, ...headers }),
  };
}

export interface LiveEvent {
  readonly id: string | undefined;
  readonly name: string;
  readonly data: unknown;
}

export interface LiveReader {
  readonly status: number;
  readonly events: readonly LiveEvent[];
  readonly isEnded: () => boolean;
  /** What a reader does that has no time. */
  readonly pause: () => void;
  readonly resume: () => void;
  readonly close: () => void;
}

/** Reads a stream of events by hand, so that it can stop reading. */
function readLive(url: string, headers: Readonly<Record<string, string>>): Promise<LiveReader> {
  return new Promise((done, fail) => {
    const asked = request(url, { headers, agent: false });
    onTestFinished(() => void asked.destroy());
    asked.once("error", fail);
    asked.once("response", (response) => {
      const events: LiveEvent[] = [];
      let text = "";
      let isEnded = false;
      response.on("data", (chunk: Buffer) => {
        text += chunk.toString();
        const blocks = text.split("\n\n");
        text = blocks.pop() ?? "";
        events.push(...blocks.map(eventOf));
      });
      response.once("close", () => (isEnded = true));
      response.on("error", () => {});
      done({
        status: response.statusCode ?? 0,
        events,
        isEnded: () => isEnded,
        pause: () => void response.pause(),
        resume: () => void response.resume(),
        close: () => void asked.destroy(),
      });
    });
    asked.end();
  });
}

/** One event of a stream, as it was sent. */
export function eventOf(block: string): LiveEvent {
  const member = (name: string): string | undefined => new RegExp(`^${name}: (.*)$`, "m").exec(block)?.[1];
  return { id: member("id"), name: member("event") ?? "", data: JSON.parse(member("data") ?? "null") as unknown };
}
