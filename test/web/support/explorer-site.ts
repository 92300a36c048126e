import type { Browser } from "playwright";
import { afterAll, beforeAll, inject } from "vitest";
import { type OpenedPage, launch, openPage } from "./browser.ts";
import { type StaticSite, staticSite } from "./static-site.ts";

export interface ExplorerSite {
  readonly browser: Browser;
  readonly open: (options?: Parameters<typeof openPage>[2]) => Promise<OpenedPage>;
}

/** A browser and a site of the built pages, for the tests of a file. Call it at the top of the file. */
export function explorerSite(): ExplorerSite {
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
  return {
    get browser() {
      return browser;
    },
    open: (options = {}) => openPage(browser, `${site.url}explorer.html`, options),
  };
}
