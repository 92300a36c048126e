import { type PagesServer, servePages } from "../pages/serve-pages.ts";
import { consoleApi } from "./console-api.ts";
import { ConsoleHub } from "./hub.ts";
import type { ConsoleSource } from "./source.ts";
import { WaitingStores } from "./waiting-stores.ts";

export interface OpenConsoleOptions {
  readonly source: ConsoleSource;
  /** Record stores to read: folders of file and log stores, files of SQLite stores. */
  readonly records?: readonly string[] | undefined;
  /** 0 for any free port. By default: 0. */
  readonly port?: number | undefined;
  /** Where the built pages are. By default: what the package ships. */
  readonly folder?: string | undefined;
}

export interface OpenConsole {
  /** What the user opens; it works once. A secret until then: it goes to the terminal and nowhere else. */
  readonly link: string;
  close(): Promise<void>;
}

/**
 * Serves the console of a source to one browser of this machine.
 * @throws UsageError where the pages are not built; the system's error where it cannot listen.
 */
export async function openConsole({ source, records = [], port, folder }: OpenConsoleOptions): Promise<OpenConsole> {
  const hub = new ConsoleHub({ source, stores: records.length === 0 ? undefined : new WaitingStores(records) });
  const server: PagesServer = await servePages({ page: "console.html", api: consoleApi(hub), port, folder });
  hub.start();
  return {
    link: server.link,
    async close() {
      hub.close();
      await server.close();
    },
  };
}
