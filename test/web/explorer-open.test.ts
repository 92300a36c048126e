import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Browser } from "playwright";
import { afterAll, beforeAll, expect, inject, it, vi } from "vitest";
import { openExplorer } from "../../packages/imprest/src/cli/pages/open-explorer.ts";
import { servePages } from "../../packages/imprest/src/cli/pages/serve-pages.ts";
import { fakeTerminal } from "../../packages/imprest/test/support.ts";
import { launch, openPage } from "./support/browser.ts";
import { exported, textOf } from "./support/explorer-page.ts";
import { feedOf, issuer, jwks } from "./support/signed-feed.ts";

let browser: Browser;
let folder: string;
beforeAll(async () => {
  browser = await launch();
  folder = await mkdtemp(join(tmpdir(), "imprest-open-"));
});
afterAll(async () => {
  await browser.close();
  await rm(folder, { recursive: true });
});

const known = {
  origins: [issuer],
  jwks: { [issuer]: jwks },
  allowLoopbackHttp: false,
  notAfterMs: {},
  order: "feed",
  expected: {},
} as const;

/** Runs what `imprest verify --open` runs, with the pages as they are built here. */
async function opened(lines: readonly string[], more: object = {}) {
  const feed = join(folder, "feed.ndjson");
  await writeFile(feed, lines.join("\n"));
  const stopping = new AbortController();
  const { terminal, written } = fakeTerminal({ signal: stopping.signal });
  const running = openExplorer(feed, { ...known, ...more }, terminal, inject("pages"));
  const link = await vi.waitFor(() => /http:\S+/.exec(written().out)?.[0] ?? Promise.reject(new Error("no link yet")));
  return {
    link,
    stop: async () => {
      stopping.abort();
      await running;
    },
  };
}

it("the link of verify --open shows the verdict on the feed with nothing more to do, and no token", async () => {
  const lines = await feedOf(30);
  const { link, stop } = await opened(lines);
  await using opening = await openPage(browser, link);
  const { page, faults } = opening;
  await page.locator(".line").first().waitFor();
  expect(await textOf(page, ".headline h2")).toBe("30 ASP events: nothing is wrong");
  expect(page.url()).not.toContain("token");
  await page.locator(".line").nth(3).click();
  await page.locator("pre").waitFor();
  expect(await textOf(page, "pre")).toBe(lines[3]);
  expect((await exported(page)).trim().split("\n")).toHaveLength(31);
  await page.reload();
  await page.locator(".line").first().waitFor();
  expect(faults).toEqual([]);
  await stop();
});

it("the page holds the feed to what the command line expects", async () => {
  const { link, stop } = await opened(await feedOf(4), { expected: { source: `${issuer}/asp/other` } });
  await using opening = await openPage(browser, link);
  await opening.page.locator(".headline.bad").waitFor();
  await opening.page.getByRole("tab", { name: /Findings/ }).click();
  expect(await opening.page.getByRole("tabpanel").textContent()).toContain("unexpected_source");
  await stop();
});

it("once the command has ended, the page says so", async () => {
  const { link, stop } = await opened(await feedOf(4));
  await using opening = await openPage(browser, link);
  const { page } = opening;
  await page.locator(".line").first().waitFor();
  await stop();
  await page.locator(".line").nth(1).click();
  await page.locator(".notice.bad").waitFor();
  expect(await textOf(page, ".notice.bad")).toContain("The command that served the feed has ended.");
});

it("a page of another origin reads nothing of it, by whatever way a browser knows", async () => {
  const { link, stop } = await opened(await feedOf(4));
  await using victim = await openPage(browser, link);
  await victim.page.locator(".line").first().waitFor();
  const target = new URL("api/feed", victim.page.url()).href;
  // In the same browser, so that whatever cookie there is goes along.
  const attacker = await victim.page.context().newPage();
  const neighbour = await servePages({ page: "console.html", folder: inject("pages"), api: () => Response.json({}) });
  await attacker.goto(neighbour.link);
  const read = await attacker.evaluate(async (url) => {
    const modes: RequestMode[] = ["cors", "no-cors", "same-origin"];
    const answers = await Promise.all(
      modes.map((mode) =>
        fetch(url, { mode, credentials: "include" }).then(
          (answer) => answer.text(),
          () => "refused",
        ),
      ),
    );
    return answers;
  }, target);
  expect(read.filter((text) => text !== "refused" && text !== "")).toEqual([]);
  await attacker.evaluate((url) => location.assign(url), target);
  await attacker.waitForURL(target);
  expect(await attacker.textContent("body")).toContain("Another page asked for this.");
  await neighbour.close();
  await stop();
});
