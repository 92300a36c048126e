import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { copyFileSync, existsSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { promisify } from "node:util";
import type { ModelProvider } from "@imprest/testing/models";

const run = promisify(execFile);
const here = import.meta.dirname;

/** Which versions of the SDKs: `newest`, or `lowest` (`pnpm test:peers --lowest`). */
export type Versions = "newest" | "lowest";

/** What a test says to a model through an SDK. */
export interface SdkCall {
  readonly fetch: typeof fetch;
  readonly model: string;
  readonly prompt: string;
  readonly maxTokens: number;
  readonly signal?: AbortSignal | undefined;
}

/** An SDK, used as its own documentation says. */
export interface Sdk {
  readonly name: string;
  readonly model: string;
  ask(call: SdkCall): Promise<string>;
  stream(call: SdkCall): AsyncIterable<string>;
  /** What else the SDK does in one call or in a few, by what it is. */
  readonly also?: Readonly<Record<string, (call: SdkCall & { readonly provider: ModelProvider }) => Promise<unknown>>>;
}

/**
 * The SDKs of `versions.json`, installed into a folder of this machine that is kept between runs, so that the lock file of
 * the repository knows nothing of them.
 */
export async function installSdks(versions: Versions): Promise<readonly Sdk[]> {
  const all = JSON.parse(readFileSync(join(here, "versions.json"), "utf8")) as Record<Versions, object>;
  const dependencies = all[versions];
  const digest = createHash("sha256").update(JSON.stringify(dependencies)).digest("hex").slice(0, 12);
  const folder = join(tmpdir(), `imprest-peers-${digest}`);
  if (!existsSync(join(folder, "installed"))) {
    rmSync(folder, { recursive: true, force: true });
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, "package.json"), JSON.stringify({ private: true, type: "module", dependencies }));
    await run("npm", ["install", "--ignore-scripts", "--no-audit", "--no-fund", "--legacy-peer-deps"], { cwd: folder });
    writeFileSync(join(folder, "installed"), "");
  }
  // Among the installed, so that Node itself loads them, by the packages' own conditions.
  const modules = join(folder, "node_modules", "sdks");
  mkdirSync(modules, { recursive: true });
  const files = readdirSync(join(here, "sdks"));
  for (const file of files) copyFileSync(join(here, "sdks", file), join(modules, file));
  const loaded = await Promise.all(
    files.map((file) => import(pathToFileURL(join(modules, file)).href) as Promise<{ readonly sdks: readonly Sdk[] }>),
  );
  return loaded.flatMap(({ sdks }) => sdks);
}
