import type { TestProject } from "vitest/node";
import { readVectors } from "../build.ts";
import type { World } from "../check.ts";
import { serveArcp, serveCycles } from "../servers.ts";

declare module "vitest" {
  interface ProvidedContext {
    world: World;
    arcpUrl: string;
  }
}

/** What the pages talk to, for as long as they run. */
export async function setup(project: TestProject): Promise<() => Promise<void>> {
  const [cycles, arcp] = await Promise.all([serveCycles(), serveArcp()]);
  project.provide("world", { vectors: readVectors(), cycles: cycles.cycles });
  project.provide("arcpUrl", arcp.url);
  return async () => {
    await cycles[Symbol.asyncDispose]();
    await arcp[Symbol.asyncDispose]();
  };
}
