import type { Browser } from "playwright";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { activity, answersAt, budgetRow, denial, lifeAt, waitingAt } from "./support/books.ts";
import { launch, sidewaysOf, violationsOf } from "./support/browser.ts";
import type { Answers } from "./support/fake-console.ts";
import { showConsole } from "./support/console-page.ts";

// Names, models, reasons and messages are other parties' words: nothing in them is more than text.

let browser: Browser;
beforeAll(async () => {
  browser = await launch();
});
afterAll(async () => await browser.close());

const views = ["Budgets", "Live", "Denials", "Waiting"] as const;
const markup = `"><img src=x onerror="globalThis.owned=1"><script>globalThis.owned=1</script>\${7*7}{{7*7}}`;
const reversed = "\u202Eevil\u2066\u2067 gpj.exe\u0000\u0007\u200B";
const long = "W".repeat(1_000_000);
const combined = `a${"\u0301".repeat(5_000)}`;

/** Books in which every text is `text`. */
function booksOf(text: string): Answers {
  const nowMs = Date.now();
  const parts = {
    tenant: text,
    scope: `tenant:${text}/agent:${text}`,
    agent: text,
    reservationId: text,
    traceId: text,
  };
  const action = { kind: text, name: text };
  const events = [
    activity(1, nowMs, { ...parts, action, kind: "reserved", caps: { [text]: text } }),
    activity(2, nowMs, { ...parts, action, kind: "committed" }),
    denial(3, nowMs, { ...parts, action, reason: text, suggestedFix: text, remaining: text }),
    denial(4, nowMs, {
      ...parts,
      action,
      blockedBy: { scope: text, policy: text },
      estimate: { amount: text, unit: text },
    }),
  ];
  const budget = {
    ...budgetRow({ scope: parts.scope, allocated: 9, spent: 4, exhaustsInMs: 60_000 }, nowMs),
    status: text,
  };
  const waiting = waitingAt(nowMs).map((row) => ({
    ...row,
    key: `${row.state} ${text}`,
    protocol: text,
    target: text,
    reservationId: text,
    error: { code: text, message: text },
  }));
  return {
    ...answersAt(nowMs),
    state: {
      ...(answersAt(nowMs)["state"] as object),
      authority: { kind: "cycles", target: text },
      upstream: { ok: false, message: text },
    },
    budgets: { rows: [budget, { ...budget, id: text, unit: text, allocated: text, spent: text }], isCut: true },
    activities: { activities: events, isCut: true },
    waiting: { rows: waiting, isCut: true, failures: [{ store: text, message: text }] },
    reservations: {
      ...lifeAt(nowMs),
      ...parts,
      status: text,
      action,
      activities: events,
      budgets: [budget],
      traceIds: [text],
      evidence: [text],
    },
  };
}

describe.each([
  ["markup", markup],
  ["marks of direction and controls", reversed],
  ["a megabyte without a space", long],
  ["thousands of combining marks", combined],
])("%s in every text", (_name, text) => {
  it.each([360, 1280])("executes nothing and breaks no layout at %d px", async (width) => {
    await using shown = await showConsole(browser, booksOf(text), { viewport: { width, height: 800 } });
    for (const name of views) {
      await shown.view(name);
      expect(await sidewaysOf(shown.page), name).toEqual([]);
    }
    await shown.view("Live");
    await shown.page.getByRole("row", { name: /Committed/ }).click();
    await shown.page.getByText("Its life").waitFor();
    expect(await sidewaysOf(shown.page), "a reservation's life").toEqual([]);
    expect(await violationsOf(shown.page)).toEqual([]);
    const found = await shown.page.evaluate(() => ({
      owned: "owned" in globalThis,
      images: document.querySelectorAll("main img").length,
      scripts: document.scripts.length,
      // Every mark that is not a letter of the page's own language stands in an element that isolates it.
      bare: /[\u202A-\u202E\u2066-\u2069\u200B\0]/.test(document.body.innerText),
      longest: Math.max(...Array.from(document.querySelectorAll("bdi"), (one) => one.textContent.length)),
    }));
    expect(found).toEqual({ owned: false, images: 0, scripts: 1, bare: false, longest: expect.any(Number) });
    expect(found.longest).toBeLessThan(2_000);
    expect(shown.faults).toEqual([]);
  });
});

it("an event of a megabyte that arrives is shown cut, and one that is no JSON makes the page load again", async () => {
  await using shown = await showConsole(browser, answersAt(Date.now()));
  await shown.view("Denials");
  shown.fake.send("activity", [denial(500, Date.now(), { agent: long, suggestedFix: long })], 500);
  await shown.page
    .getByText(/^W{100,}…$/)
    .first()
    .waitFor();
  expect(await sidewaysOf(shown.page)).toEqual([]);
  const loads = (): number => shown.fake.asked.filter((path) => path === "budgets").length;
  const before = loads();
  shown.fake.sendRaw("event: activity\ndata: {<script>\n\n");
  await expect.poll(loads).toBeGreaterThan(before);
  expect(shown.faults).toEqual([]);
});
