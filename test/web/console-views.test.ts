import type { Browser } from "playwright";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { answersAt, denial } from "./support/books.ts";
import { launch, sidewaysOf, violationsOf } from "./support/browser.ts";
import { showConsole } from "./support/console-page.ts";

// The console's page as people see it, in a browser, under the policy that it is served with.

let browser: Browser;
beforeAll(async () => {
  browser = await launch();
});
afterAll(async () => await browser.close());

const views = ["Budgets", "Live", "Denials", "Waiting"] as const;

describe("the first screen", () => {
  it("names the agent that runs out next and when, and why the last call was denied", async () => {
    await using shown = await showConsole(browser, answersAt(Date.now()));
    const next = shown.page.locator("section", { hasText: "Runs out next" });
    expect(await next.innerText()).toMatch(
      /tenant:acme\/agent:writer in 4 min (?:10|9|8) s, at \d\d:\d\d:\d\d; \$0\.08 of \$1\.50 left/,
    );
    const last = shown.page.locator("section", { hasText: "Last denied call" });
    expect(await last.innerText()).toContain(
      "writer asked $0.09 for gpt-5.6-mini (llm.completion), but $0.08 was left of tenant:acme/agent:writer.",
    );
    for (const answer of [next, last]) {
      const box = await answer.boundingBox();
      expect((box?.y ?? Infinity) + (box?.height ?? 0)).toBeLessThan(400);
    }
    expect(shown.faults).toEqual([]);
  });

  it("changes as a denial arrives", async () => {
    await using shown = await showConsole(browser, answersAt(Date.now()));
    await shown.page.getByText("7 budgets").waitFor();
    shown.fake.send("activity", [denial(900, Date.now(), { agent: "closer", remaining: "0" })], 900);
    await shown.page.getByText("closer asked $0.09").waitFor();
  });
});

describe("each view has what it is for", () => {
  it("budgets: the tree, what is used up above, then what runs out first, with its burn lines", async () => {
    await using shown = await showConsole(browser, answersAt(Date.now()));
    const openers = shown.page.locator("button.opener");
    await openers.first().waitFor();
    expect((await openers.allInnerTexts()).map((text) => text.replaceAll(/\s+/g, " ").trim())).toEqual([
      "tenant:acme",
      "level 2, agent:reviewer",
      "level 2, agent:writer",
      "level 2, agent:researcher",
      "level 2, agent:translator",
      "tenant:globex",
      "level 2, agent:support",
    ]);
    const charts = shown.page.getByRole("img", { name: /^Last (?:hour|day): from \$.* to \$1\.38 spent of \$1\.50$/ });
    await charts.nth(1).waitFor();
    expect(await charts.locator("canvas").count()).toBe(2);
  });

  it("live: events as they come, and one reservation's life", async () => {
    const nowMs = Date.now();
    await using shown = await showConsole(browser, answersAt(nowMs));
    await shown.view("Live");
    const rows = shown.page.locator(".grid-window [role=row]");
    await rows.first().waitFor();
    const before = await rows.count();
    expect(before).toBeLessThan(60);
    shown.fake.send("activity", [denial(901, nowMs, { agent: "newcomer" })], 901);
    await shown.page.getByRole("row", { name: /newcomer/ }).waitFor();
    await shown.page.getByRole("combobox", { name: "Event" }).selectOption("committed");
    await shown.page.getByRole("combobox", { name: "Agent" }).selectOption("researcher");
    await rows.first().click();
    const life = shown.page.getByRole("complementary");
    await life.getByText("Its life").waitFor();
    const text = (await life.innerText()).replaceAll(/\s+/g, " ");
    for (const part of ["COMMITTED", "caps: max_tokens 500", "30 s later", "4bf92f3577b3", "evidence/018f6b2e"]) {
      expect(text).toContain(part);
    }
  });

  it("denials: the code and its meaning, what denied it, what was asked and what was left", async () => {
    await using shown = await showConsole(browser, answersAt(Date.now()));
    await shown.view("Denials");
    const text = await shown.text();
    expect(text).toContain("$0.09 $0.08 tenant:acme/agent:writer BUDGET_EXCEEDED it asked for more than is left.");
    expect(text).toContain("policy searches-per-hour ACTION_QUOTA_EXCEEDED");
    expect(text).toContain("Wait 12 minutes");
  });

  it("waiting: dead letters and pending settlements, as they are now", async () => {
    await using shown = await showConsole(browser, answersAt(Date.now()));
    await shown.view("Waiting");
    expect(await shown.text()).toMatch(/Dead letter 3 h \$0\.07 .*RESERVATION_EXPIRED.* Pending 4\d s \$0\.02/);
    shown.fake.send("waiting", { rows: [], isCut: false, failures: [{ store: "/records", message: "locked" }] });
    await shown.page.getByText("Nothing waits").waitFor();
    expect(await shown.text()).toContain("/records cannot be read: locked");
  });
});

describe("each view without data says why there is none", () => {
  it.each([
    ["Budgets", "There is no budget yet"],
    ["Live", "Nothing has happened yet"],
    ["Denials", "Nothing was denied"],
    ["Waiting", "Nothing waits"],
  ] as const)("%s: %s", async (name, text) => {
    await using shown = await showConsole(browser);
    await shown.view(name);
    await shown.page.getByText(text).waitFor();
    expect(await violationsOf(shown.page)).toEqual([]);
    expect(shown.faults).toEqual([]);
  });

  it("an empty list of denials is no comfort where the server does not report them", async () => {
    const nowMs = Date.now();
    const { state } = answersAt(nowMs);
    await using shown = await showConsole(browser, { state: { ...(state as object), denials: false, waiting: false } });
    await shown.view("Denials");
    expect(await shown.text()).toContain("This server does not report denials");
    await shown.view("Waiting");
    expect(await shown.text()).toContain("No record store was given");
  });
});

describe("what goes wrong is shown", () => {
  it("while nothing has come yet, the page says that it loads", async () => {
    await using shown = await showConsole(browser, { budgets: undefined });
    await shown.page.getByText("Loading the books").waitFor();
    expect(await violationsOf(shown.page)).toEqual([]);
  });

  it("a first load that fails is named, and tried again", async () => {
    await using shown = await showConsole(browser, { budgets: 500 });
    await shown.page.getByText("Nothing could be loaded").waitFor();
    expect(await shown.text()).toContain("refused with 500");
    expect(await violationsOf(shown.page)).toEqual([]);
    shown.fake.answers["budgets"] = { rows: [], isCut: false };
    await shown.page.getByText("There is no budget yet").waitFor({ timeout: 10_000 });
  });

  it.each(views)(
    "%s: an authority that cannot be read leaves what was seen, under a notice with the time",
    async (name) => {
      await using shown = await showConsole(browser, answersAt(Date.now()));
      await shown.view(name);
      const before = (await shown.text()).length;
      shown.fake.send("upstream", { ok: false, message: "connect ECONNREFUSED", lastOkAtMs: Date.now() });
      await shown.page.getByText("The authority cannot be read: connect ECONNREFUSED").waitFor();
      expect(await shown.page.locator("header").innerText()).toContain("Out of date");
      expect((await shown.text()).length).toBeGreaterThan(before);
      expect(await violationsOf(shown.page)).toEqual([]);
      shown.fake.send("upstream", { ok: true });
      await shown.page.getByText("The authority cannot be read").waitFor({ state: "detached" });
    },
  );

  it("a line that breaks is resumed from the last event, and what was missed is loaded", async () => {
    await using shown = await showConsole(browser, answersAt(Date.now()));
    await shown.page.getByText("7 budgets").waitFor();
    shown.fake.send("activity", [denial(700, Date.now())], 700);
    await shown.page.getByRole("tab", { name: "Denials 3" }).waitFor();
    shown.fake.drop();
    await shown.page.getByText("Disconnected since").waitFor();
    await shown.page.getByText("Disconnected since").waitFor({ state: "detached", timeout: 10_000 });
    expect(shown.fake.resumed.at(-1)).toBe("700");
    expect(shown.fake.asked.filter((path) => path === "budgets").length).toBeGreaterThan(1);
  });

  it.each(views)("%s: a command that has stopped leaves what was seen, and says how to go on", async (name) => {
    const shown = await showConsole(browser, answersAt(Date.now()));
    try {
      await shown.view(name);
      await shown.fake.server.close();
      await shown.page.getByText("Disconnected since").waitFor({ timeout: 10_000 });
      expect(await shown.page.locator("header").innerText()).toContain("Disconnected");
      expect(await shown.text()).toContain("tenant:acme/agent:writer");
      expect(await violationsOf(shown.page)).toEqual([]);
    } finally {
      await shown[Symbol.asyncDispose]();
    }
  });

  it("a session that is refused ends the page", async () => {
    await using shown = await showConsole(browser, answersAt(Date.now()));
    await shown.page.getByText("7 budgets").waitFor();
    shown.fake.answers["state"] = 403;
    shown.fake.send("gap", {});
    await shown.page.getByText("This page has ended.").waitFor();
  });

  it("a reservation that nobody remembers, and a burn line that cannot be read, are named where they would be", async () => {
    const answers = { ...answersAt(Date.now()), reservations: 404, burn: 500 };
    await using shown = await showConsole(browser, answers);
    await shown.page.getByText("refused with 500").first().waitFor();
    await shown.view("Live");
    await shown.page.locator(".grid-window [role=row]").nth(0).click();
    await shown.page.getByText("Neither the authority nor this console remembers it.").waitFor();
    expect(await violationsOf(shown.page)).toEqual([]);
  });
});

describe("in both themes, at every width", () => {
  const themes = ["light", "dark"] as const;

  it.each(themes)("%s: no view breaks a rule of accessibility", async (colorScheme) => {
    await using shown = await showConsole(browser, answersAt(Date.now()), { colorScheme });
    for (const name of views) {
      await shown.view(name);
      expect(await violationsOf(shown.page), name).toEqual([]);
    }
    await shown.view("Live");
    await shown.page.locator(".grid-window [role=row]").nth(0).click();
    await shown.page.getByText("Its life").waitFor();
    expect(await violationsOf(shown.page), "a reservation's life").toEqual([]);
    expect(shown.faults).toEqual([]);
  });

  it.each([360, 768, 1280, 2560])("%d px: no view is wider than the page", async (width) => {
    await using shown = await showConsole(browser, answersAt(Date.now()), { viewport: { width, height: 800 } });
    for (const name of views) {
      await shown.view(name);
      expect(await sidewaysOf(shown.page), name).toEqual([]);
      if (width === 360) expect(await violationsOf(shown.page), name).toEqual([]);
    }
  });

  it("the switch goes through the themes, and the choice is kept", async () => {
    await using shown = await showConsole(browser, answersAt(Date.now()), { colorScheme: "light" });
    const background = async (): Promise<string> =>
      await shown.page.evaluate(() => getComputedStyle(document.body).backgroundColor);
    const light = await background();
    await shown.page.getByRole("button", { name: "Theme: Auto" }).click();
    await shown.page.getByRole("button", { name: "Theme: Light" }).click();
    expect(await background()).not.toBe(light);
    await shown.page.reload();
    await shown.page.getByRole("button", { name: "Theme: Dark" }).waitFor();
    expect(await background()).not.toBe(light);
  });
});
