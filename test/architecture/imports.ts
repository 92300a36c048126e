import { existsSync, readFileSync, readdirSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { workspacePackages } from "../../tools/packages.ts";

/** One import or re-export of a source file. */
export interface Import {
  /** The file, absolute. */
  readonly from: string;
  readonly specifier: string;
  readonly typeOnly: boolean;
}

export const root: string = resolve(import.meta.dirname, "../..");

const importPattern =
  /(?:^|\n)\s*(?:import|export)\s+(type\s+)?([^"';]*?)\s*from\s*["']([^"']+)["']|import\(\s*["']([^"']+)["']\s*\)|(?:^|\n)\s*import\s+["']([^"']+)["']/g;

export function importsOf(file: string): Import[] {
  const text = readFileSync(file, "utf8").replace(/\/\*[\s\S]*?\*\//g, "");
  return [...text.matchAll(importPattern)].map(([, type, names = "", from, dynamic, bare]) => {
    const named = /^\{([\s\S]*)\}$/
      .exec(names.trim())?.[1]
      ?.split(",")
      .filter((name) => name.trim() !== "");
    const typeOnly = type !== undefined || (named?.every((name) => /^\s*type\s/.test(name)) ?? false);
    return { from: file, specifier: from ?? dynamic ?? bare ?? "", typeOnly };
  });
}

/** The TypeScript files, with JSX or without, below a folder, absolute; none where there is no such folder. */
export function sources(folder: string): string[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { recursive: true, encoding: "utf8" })
    .filter((name) => /\.tsx?$/.test(name))
    .map((name) => join(folder, name));
}

export const show = ({ from, specifier }: Import): string => `${relative(root, from)} imports ${specifier}`;

/** The source behind a specifier, absolute: relative ones and our packages' entries; `undefined` for all others. */
export function targetOf({ from, specifier }: Import): string | undefined {
  if (specifier.startsWith(".")) return resolve(dirname(from), specifier);
  for (const { name, folder, manifest } of workspacePackages()) {
    if (specifier !== name && !specifier.startsWith(`${name}/`)) continue;
    const entry = manifest.exports[`.${specifier.slice(name.length)}`];
    return typeof entry === "object" ? join(folder, entry["@imprest/source"] ?? "") : undefined;
  }
  return undefined;
}
