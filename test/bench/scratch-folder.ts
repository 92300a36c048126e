import { mkdtemp, rm } from "node:fs/promises";
import { join } from "node:path";

/** A folder on the disk of the working directory, which goes with its scope. */
export interface ScratchFolder extends AsyncDisposable {
  pathOf(name: string): string;
}

export async function scratchFolder(): Promise<ScratchFolder> {
  const folder = await mkdtemp(join(process.cwd(), ".bench-"));
  return {
    pathOf: (name) => join(folder, name),
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }),
  };
}
