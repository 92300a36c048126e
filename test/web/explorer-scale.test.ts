// A feed as long as a month of a busy tenant. `EXPLORER_LINES=1000000 pnpm vitest run --project web test/web/explorer-scale`
// takes a million lines, and prints what it measured.
import { createWriteStream } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Page } from "playwright";
import { afterAll, beforeAll, expect, it } from "vitest";
import { choose, textOf } from "./support/explorer-page.ts";
import { explorerSite } from "./support/explorer-site.ts";
import { decision, decisionId, issuer, jwks } from "./support/signed-feed.ts";

const lines = Number(process.env["EXPLORER_LINES"] ?? 100_000);
const longestTaskMs = 200;

const { open } = explorerSite();
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "imprest-scale-"));
});
afterAll(async () => {
  await rm(folder, { recursive: true });
});

async function writeFeed(path: string): Promise<void> {
  const file = createWriteStream(path);
  for (let at = 0; at < lines / 2; at += 100) {
    const some = await Promise.all(
      Array.from({ length: Math.min(100, lines / 2 - at) }, (_, more) => decision(at + more)),
    );
    if (!file.write(`${some.flat().join("\n")}\n`))
      await new Promise<void>((resolve) => file.once("drain", () => resolve()));
  }
  await new Promise<void>((resolve) => file.end(() => resolve()));
}

interface Watched {
  longest: number;
  /** What the page showed when the longest task had ended. */
  during: string;
  heap: number;
}

/** The longest task of the page's own thread, and the most that its heap held. */
async function watch(page: Page): Promise<() => Promise<Watched>> {
  await page.evaluate(() => {
    const watched = { longest: 0, heap: 0, during: "" };
    Object.assign(globalThis, { watched });
    new PerformanceObserver((list) => {
      for (const { duration } of list.getEntries()) {
        if (duration <= watched.longest) continue;
        watched.longest = duration;
        watched.during = document.querySelector("main h2")?.textContent ?? "";
      }
    }).observe({ type: "longtask" });
    setInterval(() => {
      const { memory } = performance as unknown as { readonly memory: { readonly usedJSHeapSize: number } };
      watched.heap = Math.max(watched.heap, memory.usedJSHeapSize);
    }, 100);
  });
  return () => page.evaluate(() => (globalThis as unknown as { readonly watched: Watched }).watched);
}

it(
  `${lines} lines are verified, listed, searched and scrolled without a long task or a growing page`,
  { timeout: 1_800_000 },
  async () => {
    const feed = join(folder, "feed.ndjson");
    await writeFeed(feed);
    await using opened = await open();
    const { page, faults } = opened;
    const watched = await watch(page);
    await choose(page, { name: "jwks.json", bytes: JSON.stringify(jwks) });
    await page.locator("input[type=file]").first().setInputFiles(feed);
    await page.getByRole("button", { name: `Trust ${issuer}` }).click();
    const startMs = Date.now();
    await page.getByRole("button", { name: "Verify", exact: true }).click();
    await page.locator("progress").waitFor();
    await page.locator(".headline").waitFor({ timeout: 1_200_000 });
    const verifiedMs = Date.now() - startMs;
    const grouped = lines.toLocaleString("en-US");
    expect(await textOf(page, ".headline h2")).toBe(`${grouped} ASP events: nothing is wrong`);
    const list = page.getByRole("listbox");
    await list.focus();
    await page.keyboard.press("End");
    await page.locator(".line[aria-selected=true]", { hasText: grouped }).waitFor();
    for (let at = 0; at < 20; at += 1)
      await list.evaluate((element, to) => (element.scrollTop = element.scrollHeight * to), at / 20);
    await page.keyboard.press("Home");
    await page.locator(".line[aria-selected=true]", { hasText: /^1 / }).waitFor();
    const lookMs = Date.now();
    await page.locator("#find").fill(decisionId(lines / 2 - 1));
    await page.keyboard.press("Enter");
    await page.locator(".timeline").waitFor();
    const foundMs = Date.now() - lookMs;
    await page.getByRole("tab", { name: /Sums/ }).click();
    expect(await page.getByRole("tabpanel").textContent()).toContain("adds up");
    const { longest, heap, during } = await watched();
    console.log(
      `${lines} lines in ${verifiedMs} ms (${Math.round((lines * 1_000) / verifiedMs)}/s); longest task ${Math.round(longest)} ms (${during}); ` +
        `page's heap at most ${(heap / 1_048_576).toFixed(1)} MiB; a decision found in ${foundMs} ms`,
    );
    expect(longest).toBeLessThanOrEqual(longestTaskMs);
    expect(heap).toBeLessThan(32 * 1_048_576);
    expect(faults).toEqual([]);
  },
);
