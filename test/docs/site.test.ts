import { mkdtemp, readFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { pageOf, relativeTarget, siteLink, slugOf } from "../../docs/.vitepress/pages.ts";
import { writePlainText } from "../../docs/.vitepress/plain-text.ts";
import { sidebar } from "../../docs/.vitepress/sidebar.ts";

const linkFrom = (from: string, href: string): string | undefined => {
  const target = relativeTarget(href);
  return target && siteLink(from, target);
};

describe("the documentation as a site", () => {
  it.each([
    ["README.md", "index.md"],
    ["docs/README.md", "pages.md"],
    ["docs/guides/x402.md", "guides/x402.md"],
    ["DEPENDENCY_POLICY.md", "dependency-policy.md"],
    ["packages/stores/redis/README.md", "packages/stores/redis.md"],
  ])("shows %s as %s", (file, page) => {
    expect(pageOf(file)).toBe(page);
  });

  it.each([
    ["README.md", "docs/start.md", "/start"],
    ["docs/guides/x402.md", "../../README.md", "/"],
    ["docs/README.md", "budgets.md#several-agents-one-budget", "/budgets#several-agents-one-budget"],
    ["README.md", "packages/core", "/packages/core"],
    ["docs/README.md", "api", "https://github.com/imprest/imprest/blob/main/docs/api"],
  ])("a link of %s to %s leads to %s", (from, href, address) => {
    expect(linkFrom(from, href)).toBe(address);
  });

  it.each(["https://example.com/a.md", "mailto:a@example.com", "/start"])("leaves %s as it is", (href) => {
    expect(relativeTarget(href)).toBeUndefined();
  });

  it.each(["gone.md", "budgets.md#no-such-heading", "#no-such-heading"])("refuses a link to %s", (href) => {
    expect(() => linkFrom("docs/README.md", href)).toThrow(/does not exist|has no such heading/);
  });

  it("makes a heading's fragment as GitHub does", () => {
    expect(slugOf("Keys, `Host` and [redirects](a.md): what escapes?")).toBe("keys-host-and-redirects-what-escapes");
  });

  it("has each page once in its contents, under the page's own title", () => {
    const entries = sidebar().flatMap(({ items = [] }) => items);
    const links = entries.map(({ link }) => link);
    expect(new Set(links).size).toBe(links.length);
    expect(entries).toContainEqual({ text: "A budget for a program in any language", link: "/run" });
  });

  it("writes each page as plain text, and a list of them for agents", async () => {
    const folder = await mkdtemp(join(tmpdir(), "site-"));
    await writePlainText(["README.md", "docs/guides/x402.md"], folder, "https://docs.example");
    const list = await readFile(join(folder, "llms.txt"), "utf8");
    expect(list).toMatch(/^# Imprest\n\n> An agent with a budget cannot spend more than it: .*\n/);
    expect(list).toMatch(/^- \[.+\]\(https:\/\/docs\.example\/guides\/x402\.md\): .{20,}$/m);
    expect(await readFile(join(folder, "guides/x402.md"), "utf8")).toBe(await readFile("docs/guides/x402.md", "utf8"));
  });
});
