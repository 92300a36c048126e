import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import type { Browser, Locator } from "playwright";
import { afterAll, beforeAll, expect, it } from "vitest";
import { launch, openPage, violationsOf } from "./support/browser.ts";

// From the line on the terminal to the two answers, with the built command and a real ledger (`pnpm build` first).

let browser: Browser;
beforeAll(async () => {
  browser = await launch();
});
afterAll(async () => await browser.close());

const command = resolve(import.meta.dirname, "../../packages/imprest/bin/imprest.js");

interface RunningDemo {
  readonly child: ChildProcess;
  readonly link: string;
  readonly printed: () => string;
}

async function startDemo(): Promise<RunningDemo> {
  const args = [command, "demo", "--console", "--pace", "600"];
  const child = spawn(process.execPath, args, { cwd: join(tmpdir()), stdio: ["ignore", "pipe", "inherit"] });
  let printed = "";
  const link = await new Promise<string>((found, failed) => {
    child.once("exit", (code) => failed(new Error(`the demo ended with ${code}: ${printed}`)));
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      printed += text;
      const [url] = /http:\/\/127\.0\.0\.1:\S+/.exec(printed) ?? [];
      if (url !== undefined && printed.includes("\n")) found(url);
    });
  });
  return { child, link, printed: () => printed };
}

it("a reader of the terminal's line has both answers on the first screen in less than a minute", async () => {
  const { child, link, printed } = await startDemo();
  try {
    const startedMs = performance.now();
    await using opened = await openPage(browser, link, { viewport: { width: 360, height: 780 } });
    const { page, faults } = opened;
    expect(page.url()).not.toContain("token");
    const answer = (question: string): Locator => page.locator("section", { hasText: question });
    await answer("Runs out next")
      .getByText(/agent:writer in (?:\d+ min ?)?(?:\d+ s)?, at \d\d:\d\d:\d\d; \$[\d.]+ of \$0\.05 left/)
      .waitFor();
    await answer("Last denied call")
      .getByText(/^writer asked \$[\d.]+ for demo-(?:small|large) \(llm\.completion\), but \$[\d.]+ was left of/)
      .waitFor();
    expect(performance.now() - startedMs).toBeLessThan(60_000);
    for (const question of ["Runs out next", "Last denied call"]) {
      const box = await answer(question).boundingBox();
      expect((box?.y ?? Infinity) + (box?.height ?? 0), question).toBeLessThanOrEqual(780);
    }
    await page.getByRole("link", { name: /the denial in full/ }).click();
    await page.getByText("BUDGET_EXCEEDED").waitFor();
    await page.getByRole("tab", { name: "Live" }).click();
    await page
      .getByRole("row", { name: /caps: max_tokens/ })
      .first()
      .click();
    await page.getByText("Its life").waitFor();
    expect(await violationsOf(page)).toEqual([]);
    expect(faults).toEqual([]);
    // The link is used up: who finds it in a log or over a shoulder has nothing.
    const again = await fetch(link, { redirect: "manual" });
    expect(again.status).toBe(403);
    expect(printed().split("token=")).toHaveLength(2);
  } finally {
    child.kill("SIGINT");
    if (child.exitCode === null) await once(child, "exit");
  }
});
