import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { extname, join } from "node:path";

const types: Readonly<Record<string, string>> = { ".html": "text/html", ".js": "text/javascript", ".css": "text/css" };

export interface StaticSite extends AsyncDisposable {
  /** `http://site.localhost:40123/docs/explorer/` */
  readonly url: string;
  /** Paths that were asked for. */
  readonly asked: readonly string[];
}

/** Serves a folder of pages under a sub-path with no header of its own, as a host of static files does. */
export async function staticSite(folder: string): Promise<StaticSite> {
  const base = "/docs/explorer/";
  const asked: string[] = [];
  const server = createServer((request, response) => {
    const path = request.url ?? "";
    asked.push(path);
    const name = path.startsWith(base) ? path.slice(base.length) : "";
    readFile(join(folder, name)).then(
      (bytes) => response.writeHead(200, { "Content-Type": types[extname(name)] ?? "image/svg+xml" }).end(bytes),
      () => response.writeHead(404).end(),
    );
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    // Any name under it is this machine, and none that the command serves at.
    url: `http://site.localhost:${port}${base}`,
    asked,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
