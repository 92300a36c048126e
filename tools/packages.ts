import { existsSync, readFileSync, readdirSync } from "node:fs";
import { join, resolve } from "node:path";

const root = resolve(import.meta.dirname, "..");

/** The parts of a `package.json` that the tools and the tests across packages read. */
export interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly private?: boolean;
  /** Strings are data files: schemas, protos. */
  readonly exports: Readonly<Record<string, string | Readonly<Record<string, string>>>>;
  readonly publishConfig: {
    readonly exports: Readonly<Record<string, string | { readonly types: string; readonly default: string }>>;
  };
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly devDependencies?: Readonly<Record<string, string>>;
  readonly peerDependencies?: Readonly<Record<string, string>>;
}

export interface WorkspacePackage {
  /** As it is published: `@imprest/core`. */
  readonly name: string;
  /** Its name without the scope, by which files about it are called: `core`, `store-redis`. */
  readonly shortName: string;
  /** From the root of the repository: `packages/stores/redis`. */
  readonly path: string;
  /** Absolute. */
  readonly folder: string;
  readonly manifest: Manifest;
}

/** Every package that is published, by path. */
export function workspacePackages(repository: string = root): WorkspacePackage[] {
  return allPackages(repository).filter(({ manifest }) => manifest.private !== true);
}

/** Every package under `packages/`, those in a folder of their kind (`stores`, `integrations`) and private ones too, by path. */
export function allPackages(repository: string = root): WorkspacePackage[] {
  const below = (path: string): string[] =>
    readdirSync(join(repository, path), { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map((entry) => `${path}/${entry.name}`);
  const isPackage = (path: string): boolean => existsSync(join(repository, path, "package.json"));
  return below("packages")
    .flatMap((path) => (isPackage(path) ? [path] : below(path).filter(isPackage)))
    .map((path) => {
      const folder = join(repository, path);
      const manifest = JSON.parse(readFileSync(join(folder, "package.json"), "utf8")) as Manifest;
      return { name: manifest.name, shortName: manifest.name.replace("@imprest/", ""), path, folder, manifest };
    });
}
