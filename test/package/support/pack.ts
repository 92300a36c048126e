import { execFile } from "node:child_process";
import { existsSync, mkdirSync, readdirSync } from "node:fs";
import { join, resolve } from "node:path";
import { promisify } from "node:util";

const packages = resolve(import.meta.dirname, "../../../packages");
const run = promisify(execFile);

/** The folders of the packages that have been built. */
export function builtPackages(): string[] {
  return readdirSync(packages).filter((name) => existsSync(join(packages, name, "dist")));
}

/** Packs packages as they would be published. @returns each one's tarball, by its folder's name. */
export async function packAll(names: readonly string[], into: string): Promise<ReadonlyMap<string, string>> {
  mkdirSync(into, { recursive: true });
  const tarballs = new Map<string, string>();
  for (const name of names) {
    await run("pnpm", ["pack", "--pack-destination", into], { cwd: join(packages, name) });
    const file = readdirSync(into).find((candidate) => new RegExp(`^imprest-${name}-\\d`).test(candidate));
    if (file === undefined) throw new Error(`${name} was not packed`);
    tarballs.set(name, join(into, file));
  }
  return tarballs;
}
