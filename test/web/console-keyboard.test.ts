import type { Browser, Page } from "playwright";
import { afterAll, beforeAll, expect, it } from "vitest";
import { answersAt, denial } from "./support/books.ts";
import { launch } from "./support/browser.ts";
import { showConsole } from "./support/console-page.ts";

// The console without a mouse.

let browser: Browser;
beforeAll(async () => {
  browser = await launch();
});
afterAll(async () => await browser.close());

/** What has the focus: its role or element, and its text. */
const focused = async (page: Page): Promise<string> =>
  await page.evaluate(() => {
    const { activeElement: element } = document;
    const text = (element?.textContent ?? "").replaceAll(/\s+/g, " ").trim();
    return `${element?.getAttribute("role") ?? element?.localName} ${text}`.slice(0, 300);
  });

it("the first tab stop skips to the content", async () => {
  await using shown = await showConsole(browser, answersAt(Date.now()));
  await shown.page.getByText("7 budgets").waitFor();
  await shown.page.keyboard.press("Tab");
  expect(await focused(shown.page)).toBe("a Skip to content");
  await shown.page.keyboard.press("Enter");
  expect(await shown.page.evaluate(() => document.activeElement?.id)).toBe("content");
});

it("arrow keys go through the views and around", async () => {
  await using shown = await showConsole(browser, answersAt(Date.now()));
  await shown.page.getByRole("tab", { name: "Budgets" }).focus();
  const chosen: (string | null)[] = [];
  for (const key of ["ArrowRight", "ArrowRight", "ArrowRight", "ArrowRight", "ArrowLeft", "Home", "End"]) {
    await shown.page.keyboard.press(key);
    chosen.push(await shown.page.getByRole("tab", { selected: true }).getAttribute("id"));
  }
  expect(chosen.map((id) => id?.replace("tab-", ""))).toEqual([
    "live",
    "denials",
    "waiting",
    "budgets",
    "waiting",
    "budgets",
    "waiting",
  ]);
  expect(await focused(shown.page)).toMatch(/^tab Waiting/);
});

it("/ goes to the filter of a view, and Esc empties it", async () => {
  await using shown = await showConsole(browser, answersAt(Date.now()));
  await shown.page.getByText("7 budgets").waitFor();
  await shown.page.keyboard.press("/");
  await shown.page.keyboard.type("writer");
  await shown.page.getByText("1 budget", { exact: true }).waitFor();
  await shown.page.keyboard.press("/");
  expect(await shown.page.getByLabel("Find a budget").inputValue()).toBe("writer/");
  await shown.page.keyboard.press("Escape");
  await shown.page.getByText("7 budgets").waitFor();
});

it("a budget is opened and closed by Enter, and the arrows go to the next", async () => {
  await using shown = await showConsole(browser, answersAt(Date.now()));
  const openers = shown.page.locator("button.opener");
  await openers.nth(0).focus();
  await shown.page.keyboard.press("ArrowDown");
  await shown.page.keyboard.press("ArrowDown");
  await shown.page.keyboard.press("ArrowDown");
  expect(await focused(shown.page)).toContain("agent:researcher");
  await shown.page.keyboard.press("Enter");
  expect(await openers.nth(3).getAttribute("aria-expanded")).toBe("true");
  await shown.page.keyboard.press("Enter");
  expect(await openers.nth(3).getAttribute("aria-expanded")).toBe("false");
});

it("rows of events are walked by arrows, opened by Enter and left by Esc, back to the row", async () => {
  await using shown = await showConsole(browser, answersAt(Date.now()));
  await shown.view("Live");
  await shown.page.locator(".grid-window [role=row]").first().focus();
  for (let step = 0; step < 40; step += 1) await shown.page.keyboard.press("ArrowDown");
  const row = await focused(shown.page);
  expect(row).toMatch(/^row \d\d:\d\d:\d\d/);
  expect(await shown.page.evaluate(() => document.activeElement?.getAttribute("aria-rowindex"))).toBe("42");
  await shown.page.keyboard.press("Enter");
  await shown.page.getByText("Its life").waitFor();
  expect(await focused(shown.page)).toMatch(/^h2 Reservation rsv_/);
  await shown.page.keyboard.press("Escape");
  await shown.page.getByText("Its life").waitFor({ state: "detached" });
  await expect.poll(async () => await focused(shown.page)).toBe(row);
  await shown.page.keyboard.press("Home");
  expect(await shown.page.evaluate(() => document.activeElement?.getAttribute("aria-rowindex"))).toBe("2");
});

it("the list stands still under who reads it, counts what is new, and goes on when asked", async () => {
  const nowMs = Date.now();
  await using shown = await showConsole(browser, answersAt(nowMs));
  await shown.view("Live");
  await shown.page.locator(".grid-window [role=row]").first().focus();
  const row = await focused(shown.page);
  shown.fake.send("activity", [denial(800, nowMs, { agent: "latecomer" }), denial(801, nowMs)], 801);
  await shown.page.getByRole("button", { name: "Go on (2 new)" }).waitFor();
  expect(await focused(shown.page)).toBe(row);
  await shown.page.getByRole("button", { name: "Go on (2 new)" }).press("Enter");
  await shown.page.getByRole("row", { name: /latecomer/ }).waitFor();
  await shown.page.getByRole("button", { name: "Hold" }).waitFor();
});

it("the line of the last denial leads to that denial, and Back leads back", async () => {
  await using shown = await showConsole(browser, answersAt(Date.now()));
  await shown.page.getByRole("link", { name: /the denial in full/ }).press("Enter");
  await shown.page.getByRole("tab", { name: "Denials", selected: true }).waitFor();
  expect(await focused(shown.page)).toContain("BUDGET_EXCEEDED");
  await shown.page.goBack();
  await shown.page.getByRole("tab", { name: "Budgets", selected: true }).waitFor();
});
