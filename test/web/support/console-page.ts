import type { Browser, BrowserContextOptions, Page } from "playwright";
import { inject } from "vitest";
import { openPage } from "./browser.ts";
import { type Answers, type FakeConsole, fakeConsole } from "./fake-console.ts";

export interface ShownConsole extends AsyncDisposable {
  readonly fake: FakeConsole;
  readonly page: Page;
  /** What the page threw, logged as an error or was refused by its policy. */
  readonly faults: readonly string[];
  /** Opens a view by its tab. */
  view(name: "Budgets" | "Live" | "Denials" | "Waiting"): Promise<void>;
  /** The text of the page's content, as it is read: one space between words. */
  text(): Promise<string>;
}

/** The console's page over a wire that the test writes, opened by its link. */
export async function showConsole(
  browser: Browser,
  answers: Answers = {},
  options: BrowserContextOptions = {},
): Promise<ShownConsole> {
  const fake = await fakeConsole(inject("pages"), answers);
  const { page, faults, ...opened } = await openPage(browser, fake.server.link, options);
  return {
    fake,
    page,
    faults,
    async view(name) {
      await page.getByRole("tab", { name }).click();
      await page.getByRole("tab", { name, selected: true }).waitFor();
    },
    async text() {
      return (await page.locator("main").innerText()).replaceAll(/\s+/g, " ");
    },
    async [Symbol.asyncDispose]() {
      await opened[Symbol.asyncDispose]();
      await fake[Symbol.asyncDispose]();
    },
  };
}
