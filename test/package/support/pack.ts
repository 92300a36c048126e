import { execFile } from "node:child_process";
import { existsSync, mkdirSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { type WorkspacePackage, workspacePackages } from "../../../tools/packages.ts";

const run = promisify(execFile);

/** The packages that have been built. */
export function builtPackages(): WorkspacePackage[] {
  return workspacePackages().filter(({ folder }) => existsSync(join(folder, "dist")));
}

/** Packs packages as they would be published. @returns each one's tarball, by the package's name. */
export async function packAll(
  packages: readonly WorkspacePackage[],
  into: string,
): Promise<ReadonlyMap<string, string>> {
  mkdirSync(into, { recursive: true });
  const tarballs = new Map<string, string>();
  for (const { name, folder } of packages) {
    await run("pnpm", ["pack", "--pack-destination", into], { cwd: folder });
    const stem = name.replace("@", "").replace("/", "-");
    const file = readdirSync(into).find((candidate) => new RegExp(`^${stem}-\\d`).test(candidate));
    if (file === undefined) throw new Error(`${name} was not packed`);
    tarballs.set(name, join(into, file));
  }
  return tarballs;
}
