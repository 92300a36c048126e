import type { Browser, Page } from "playwright";
import { afterAll, beforeAll, expect, inject, it } from "vitest";
import { type OpenedPage, launch, openPage } from "./support/browser.ts";
import { feedOf, issuer, jwks } from "./support/signed-feed.ts";
import { type StaticSite, staticSite } from "./support/static-site.ts";

let browser: Browser;
let site: StaticSite;
beforeAll(async () => {
  browser = await launch();
  site = await staticSite(inject("pages"));
});
afterAll(async () => {
  await browser.close();
  await site[Symbol.asyncDispose]();
});

const open = (options = {}): Promise<OpenedPage> => openPage(browser, `${site.url}explorer.html`, options);

interface Given {
  readonly name: string;
  readonly bytes: string | Uint8Array;
}

/** Chooses files as a reader does. */
async function choose(page: Page, ...files: readonly Given[]): Promise<void> {
  const buffers = files.map(({ name, bytes }) => ({ name, mimeType: "", buffer: Buffer.from(bytes) }));
  await page.locator("input[type=file]").first().setInputFiles(buffers);
}

/** Drops a feed with its keys, trusts the issuer that it names, and waits for the verdict. */
async function verify(page: Page, lines: readonly string[]): Promise<void> {
  await choose(
    page,
    { name: "feed.ndjson", bytes: lines.join("\n") },
    { name: "jwks.json", bytes: JSON.stringify(jwks) },
  );
  await page.getByRole("button", { name: `Trust ${issuer}` }).click();
  await page.getByRole("button", { name: "Verify", exact: true }).click();
  await page.locator(".headline").waitFor();
}

it("a feed and its keys are dropped, the issuer is trusted, and the verdict is there", async () => {
  await using opened = await open();
  const { page, faults } = opened;
  await verify(page, await feedOf(20));
  expect(await page.locator(".headline h2").textContent()).toBe("20 ASP events: nothing is wrong");
  expect(await page.locator(".line").count()).toBeGreaterThan(3);
  expect(faults).toEqual([]);
});
