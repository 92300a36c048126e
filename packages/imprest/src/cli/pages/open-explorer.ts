import { type FileHandle, open } from "node:fs/promises";
import { onAbort } from "@imprest/core/internal";
import { UsageError } from "../command.ts";
import type { Terminal } from "../terminal.ts";
import type { ExplorerSetup } from "../../pages/explorer-setup.ts";
import { openBrowser } from "./open-browser.ts";
import { servePages } from "./serve-pages.ts";

const chunkBytes = 262_144;

/**
 * Shows a feed in the explorer's page until the user stops the command. The page reads the feed from here, as long as it
 * was when the command began; nothing else of the disk can be asked for.
 * @throws UsageError for what is no file that can be read again, or where the pages are not built.
 */
export async function openExplorer(
  path: string,
  known: Omit<ExplorerSetup, "name" | "size">,
  terminal: Terminal,
  folder?: string,
): Promise<void> {
  if (path === "-") throw new UsageError("--open reads the feed as often as the page asks; name a file.");
  // The file that is open here stays the one that is served, whatever takes its name.
  const file = await open(path);
  try {
    const stat = await file.stat();
    if (!stat.isFile()) throw new UsageError(`${path} is no file; name a file of events.`);
    const setup: ExplorerSetup = { ...known, name: path.split(/[/\\]/).at(-1) ?? path, size: stat.size };
    const server = await servePages({ page: "explorer.html", folder, api: (request) => answer(request, file, setup) });
    try {
      await terminal.write(`The explorer, for one browser, once: ${server.link}\nCtrl-C ends it.\n`);
      void openBrowser(server.link, terminal.environment);
      await new Promise<void>((resolve) => {
        onAbort(terminal.signal, resolve);
      });
    } finally {
      await server.close();
    }
  } finally {
    await file.close();
  }
}

function answer(request: Request, file: FileHandle, setup: ExplorerSetup): Response {
  const { pathname, searchParams } = new URL(request.url);
  if (pathname === "/api/setup") return Response.json(setup);
  if (pathname !== "/api/feed") return new Response(null, { status: 404 });
  const [from, to] = [offsetOf(searchParams.get("from"), 0), offsetOf(searchParams.get("to"), setup.size)];
  if (from === undefined || to === undefined) return new Response(null, { status: 400 });
  const [start, end] = [from, Math.min(to, setup.size)];
  const headers = { "Content-Type": "application/octet-stream" };
  if (start >= end) return new Response(null, { headers });
  return new Response(bytesOf(file, start, end), { headers });
}

/** A stream of the handle's own would close it for every other reader when its reader leaves. */
function bytesOf(file: FileHandle, start: number, end: number): ReadableStream<Uint8Array> {
  let at = start;
  return new ReadableStream({
    async pull(controller) {
      const size = Math.min(chunkBytes, end - at);
      const { bytesRead, buffer } = await file.read(new Uint8Array(size), 0, size, at);
      if (bytesRead > 0) controller.enqueue(buffer.subarray(0, bytesRead));
      at += bytesRead;
      if (at >= end || bytesRead === 0) controller.close();
    },
  });
}

/** A whole number of bytes; `undefined` for anything else. */
function offsetOf(text: string | null, absent: number): number | undefined {
  if (text === null) return absent;
  return /^\d{1,15}$/.test(text) ? Number(text) : undefined;
}
