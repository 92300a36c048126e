import { readFile, readdir } from "node:fs/promises";
import { extname, join, relative, sep } from "node:path";
import { fileURLToPath } from "node:url";
import { UsageError } from "../command.ts";

/** Where the build puts the pages; the same folder from the sources as from the built package. */
const buildFolder = fileURLToPath(new URL("../../../dist/web/", import.meta.url));

const types: Readonly<Record<string, string>> = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".svg": "image/svg+xml",
  ".png": "image/png",
};

export interface BuiltFile {
  readonly type: string;
  readonly bytes: Uint8Array<ArrayBuffer>;
}

/** The files of the built pages, each read when it is first asked for. */
export interface BuiltPages {
  /** @param name relative to the folder, such as `assets/console-1f3a.js`; anything else is not found. */
  read(name: string): Promise<BuiltFile | undefined>;
}

/**
 * Lists a folder of built pages. What is not in the list is never looked for on the disk, however its path is written.
 * @throws UsageError where the folder does not hold `page`.
 */
export async function openBuiltPages(page: string, folder: string = buildFolder): Promise<BuiltPages> {
  const names = new Set(await filesOf(folder));
  if (!names.has(page)) throw new UsageError(`The pages are not built (no ${page}). In a checkout, run: pnpm build`);
  const read = new Map<string, Promise<BuiltFile>>();
  return {
    async read(name) {
      const type = types[extname(name)];
      if (type === undefined || !names.has(name)) return undefined;
      let file = read.get(name);
      if (file === undefined) {
        file = readFile(join(folder, name)).then((bytes) => ({ type, bytes }));
        read.set(name, file);
        // The next request reads it again.
        file.catch(() => read.delete(name));
      }
      return await file;
    },
  };
}

async function filesOf(folder: string): Promise<readonly string[]> {
  try {
    const entries = await readdir(folder, { recursive: true, withFileTypes: true });
    const files = entries.filter((entry) => entry.isFile());
    return files.map((entry) => relative(folder, join(entry.parentPath, entry.name)).replaceAll(sep, "/"));
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return [];
    throw error;
  }
}
