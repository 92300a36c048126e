import type { Browser, CDPSession } from "playwright";
import { afterAll, beforeAll, expect, it } from "vitest";
import { activity, answersAt, budgetsAt } from "./support/books.ts";
import { launch } from "./support/browser.ts";
import { type ShownConsole, showConsole } from "./support/console-page.ts";
import { longestTaskDuring } from "./support/tasks.ts";

// A thousand events in a second, for 20 s; for a minute: CONSOLE_LOAD_SECONDS=60 pnpm test:web console-load

const seconds = Number(process.env["CONSOLE_LOAD_SECONDS"] ?? "20");
/** Until the page remembers as many events as it ever will. */
const warmUpSeconds = 8;

let browser: Browser;
beforeAll(async () => {
  browser = await launch();
});
afterAll(async () => await browser.close());

/** Sends a thousand events a second, each as a message of its own, and the budgets four times a second. */
async function send({ fake }: ShownConsole, from: number, forSeconds: number): Promise<number> {
  const start = performance.now();
  let sent = 0;
  while (performance.now() - start < forSeconds * 1_000) {
    const due = Math.floor(performance.now() - start);
    const nowMs = Date.now();
    for (; sent < due; sent += 1) fake.send("activity", [activity(from + sent, nowMs)], from + sent);
    if (due % 250 < 20) fake.send("budgets", budgetsAt(nowMs));
    await new Promise((done) => setTimeout(done, 10));
  }
  return from + sent;
}

/** What is in use after a collection, in bytes. */
async function heapOf(session: CDPSession): Promise<number> {
  await session.send("HeapProfiler.collectGarbage");
  return (await session.send("Runtime.getHeapUsage")).usedSize;
}

it.each([
  ["Live", seconds],
  ["Budgets", seconds / 2],
] as const)(
  "a thousand events a second cost the page no task of more than 200 ms in the %s view, and its heap stays flat",
  { timeout: (seconds * 2 + warmUpSeconds + 30) * 1_000 },
  async (view, part) => {
    await using shown = await showConsole(browser, answersAt(Date.now()));
    await shown.view(view);
    const session = await shown.page.context().newCDPSession(shown.page);
    let next = await send(shown, 1_000, warmUpSeconds);
    const before = await heapOf(session);
    const longest = { workMs: 0, wallMs: 0 };
    for (let traced = 0; traced < part; traced += 5) {
      const { workMs, wallMs } = await longestTaskDuring(browser, shown.page, async () => {
        next = await send(shown, next, Math.min(5, part - traced));
      });
      longest.workMs = Math.max(longest.workMs, workMs);
      longest.wallMs = Math.max(longest.wallMs, wallMs);
    }
    const after = await heapOf(session);
    const rows = await shown.page.locator(".grid-window [role=row]").count();
    console.log(
      `${view}, ${part} s: the longest task ${longest.workMs.toFixed(0)} ms of work in ${longest.wallMs.toFixed(0)} ms; ` +
        `heap ${(before / 1e6).toFixed(1)} to ${(after / 1e6).toFixed(1)} MB; ${rows} rows drawn`,
    );
    expect(longest.workMs).toBeGreaterThan(0);
    expect(longest.workMs).toBeLessThanOrEqual(200);
    expect(after).toBeLessThan(before * 1.15 + 1_000_000);
    // It kept up: what is sent last is shown.
    await shown.view("Live");
    shown.fake.send("activity", [activity(next, Date.now(), { agent: "the-last" })], next);
    await shown.page.getByRole("row", { name: /the-last/ }).waitFor();
    expect(shown.faults).toEqual([]);
  },
);
