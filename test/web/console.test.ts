import { afterAll, beforeAll, expect, inject, it } from "vitest";
import type { Browser } from "playwright";
import { servePages } from "../../packages/imprest/src/cli/pages/serve-pages.ts";
import { launch, openPage, violationsOf } from "./support/browser.ts";

let browser: Browser;
beforeAll(async () => {
  browser = await launch();
});
afterAll(async () => await browser.close());

it("the console opens by its link", async () => {
  const server = await servePages({
    page: "console.html",
    folder: inject("pages"),
    api: () => new Response(null, { status: 404 }),
  });
  try {
    await using opened = await openPage(browser, server.link);
    expect(await opened.page.textContent("h1")).toBe("Imprest console");
    expect(await violationsOf(opened.page)).toEqual([]);
    expect(opened.faults).toEqual([]);
  } finally {
    await server.close();
  }
});
