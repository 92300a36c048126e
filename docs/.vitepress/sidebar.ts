import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { DefaultTheme } from "vitepress";
import { relativeTarget, repository, siteLink, titleOf } from "./pages.ts";

const map = "docs/README.md";

/**
 * The site's contents are those of `docs/README.md`: a section for each of its headings, an entry for each page that it links
 * to, once, under the page's own title.
 */
export function sidebar(): DefaultTheme.SidebarItem[] {
  const seen = new Set<string>();
  const [, ...sections] = readFileSync(join(repository, map), "utf8").split(/^## /m);
  return [
    { text: "Start", link: "/start" },
    ...sections.map((section, at) => {
      const [text = ""] = section.split("\n");
      return { text, collapsed: at > 0, items: entriesOf(section, seen) };
    }),
  ];
}

function entriesOf(section: string, seen: Set<string>): DefaultTheme.SidebarItem[] {
  return Array.from(section.matchAll(/\]\(([^)]+)\)/g)).flatMap(([, href = ""]) => {
    const target = relativeTarget(href);
    const link = target && siteLink(map, target);
    if (target === undefined || !link?.startsWith("/") || target.fragment !== "" || seen.has(link)) return [];
    seen.add(link);
    return [{ text: titleOf(readFileSync(join(repository, "docs", target.path), "utf8")), link }];
  });
}
