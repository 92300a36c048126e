import { existsSync, readFileSync } from "node:fs";
import { basename, dirname, join, normalize, resolve } from "node:path";

// The site shows the files where they stand: a page's address is made of its path in the repository, and back.

export const repository = resolve(import.meta.dirname, "../..");
const source = "https://github.com/imprest/imprest";

/** What the site leaves out of the repository's Markdown: notes for those who change the code, and what a tool makes. */
export const excluded = [
  "**/CHANGELOG.md",
  "packages/*/CHECKLIST.md",
  "packages/*/{src,test,dist}/**",
  "packages/*/*/{src,test,dist}/**",
  "test/**",
  "examples/**",
  "tools/**",
  "sbom/**",
];

/**
 * The Markdown file, relative to the site's root, that a file of the repository becomes: the README is the first page, and
 * the folder `docs` is not seen in addresses. @example pageOf("docs/guides/x402.md") // "guides/x402.md"
 */
export function pageOf(file: string): string {
  if (file === "README.md") return "index.md";
  if (file === "docs/README.md") return "pages.md";
  if (file.startsWith("docs/")) return file.slice("docs/".length);
  return file
    .replace(/\/README\.md$/, ".md")
    .replace(/^[A-Z_]+\.md$/, (name) => name.toLowerCase().replaceAll("_", "-"));
}

/** A link without an address of its own, taken apart: `../scale.md#memory` has the path `../scale.md`. */
export interface LinkTarget {
  readonly path: string;
  /** With its `#`; empty where there is none. */
  readonly fragment: string;
}

/** @returns `undefined` for a link with an address of its own. */
export function relativeTarget(href: string): LinkTarget | undefined {
  if (/^(?:[a-z][a-z\d+.-]*:|\/)/i.test(href)) return undefined;
  const [path = "", fragment] = decodeURI(href).split("#");
  return { path, fragment: fragment === undefined ? "" : `#${fragment}` };
}

/**
 * Where a relative link of a page leads on the site: to another page, or to the file's source for what is no page.
 * @param from the file that has the link, from the root of the repository.
 * @throws Error for a link to a file that does not exist: a dead link ends the build.
 */
export function siteLink(from: string, { path, fragment }: LinkTarget): string {
  const target = path === "" ? from : normalize(join(dirname(from), path)).replace(/\/$/, "");
  if (!existsSync(join(repository, target))) throw new Error(`${from} links to ${path}, which does not exist.`);
  const page = asPage(target);
  if (page === undefined) return `${source}/blob/main/${target}${fragment}`;
  if (fragment !== "") assertHeading(from, page, fragment);
  return `/${pageOf(page)
    .replace(/\.md$/, "")
    .replace(/^index$/, "")}${fragment}`;
}

/** The Markdown file that stands for a path; a package's folder is its README. */
function asPage(target: string): string | undefined {
  if (/^packages\/[^.]+$/.test(target) && existsSync(join(repository, target, "README.md")))
    return `${target}/README.md`;
  if (!target.endsWith(".md")) return undefined;
  return /^(?:docs\/.*|packages\/.*README|[A-Z_]+)\.md$/.test(target) ? target : undefined;
}

/** A fragment is a heading's words, as GitHub and this site make it of them. */
function assertHeading(from: string, page: string, fragment: string): void {
  const text = readFileSync(join(repository, page), "utf8").replace(/^```.*?^```/gms, "");
  const slugs = Array.from(text.matchAll(/^#{1,6} (.+)$/gm), ([, heading = ""]) => slugOf(heading));
  if (!slugs.includes(fragment.slice(1))) {
    throw new Error(`${from} links to ${fragment} of ${basename(page)}, which has no such heading.`);
  }
}

/** A page's first heading. */
export function titleOf(text: string): string {
  return /^# (.+)$/m.exec(text)?.[1]?.replaceAll("`", "") ?? "";
}

/** As GitHub makes it, so that one link works in both places. */
export function slugOf(heading: string): string {
  const text = heading.replace(/\[([^\]]*)\]\([^)]*\)/g, "$1");
  return text
    .trim()
    .toLowerCase()
    .replace(/[^\p{L}\p{N}\p{M}\s_-]/gu, "")
    .replaceAll(" ", "-");
}
