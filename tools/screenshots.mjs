// `pnpm docs:screenshots` (after `pnpm build`): pictures of the console, of the running `imprest demo --console`, in both
// themes, as `docs/images/console-*.png`. They show times and durations of the run, so no test compares them.
import { spawn } from "node:child_process";
import { statSync } from "node:fs";
import { join, resolve } from "node:path";
import { setTimeout } from "node:timers/promises";
import { chromium } from "playwright";

const root = resolve(import.meta.dirname, "..");
const images = join(root, "docs/images");
/** Pictures are in the repository for ever. */
const mostBytes = 200_000;
const themes = ["light", "dark"];
const viewport = { width: 1280, height: 640 };

const command = join(root, "packages/imprest/bin/imprest.js");
const demo = spawn(process.execPath, [command, "demo", "--console", "--pace", "2000"], {
  stdio: ["ignore", "pipe", "inherit"],
});
let printed = "";
demo.stdout.setEncoding("utf8").on("data", (text) => (printed += text));
/** Waits until the demo has printed something. */
const until = async (pattern) => {
  for (;;) {
    const found = pattern.exec(printed);
    if (found !== null) return found;
    if (demo.exitCode !== null) throw new Error(`The demo ended early: ${printed}`);
    await setTimeout(50);
  }
};

const browser = await chromium.launch({ executablePath: "/usr/bin/chromium-headless-shell", args: ["--no-sandbox"] });
try {
  const [link] = await until(/http:\/\/127\.0\.0\.1:\S+(?=\n)/);
  const page = await browser.newPage({ viewport });
  await page.goto(link);

  const take = async (name) => {
    for (const colorScheme of themes) {
      await page.emulateMedia({ colorScheme });
      await page.waitForTimeout(200);
      const path = join(images, `console-${name}-${colorScheme}.png`);
      await page.screenshot({ path });
      const { size } = statSync(path);
      console.log(`${size} bytes  ${path}`);
      if (size > mostBytes) throw new Error(`${path} is larger than ${mostBytes} bytes.`);
    }
  };
  const view = async (name) => await page.getByRole("tab", { name }).click();

  // Caps come with less than 40 % left: the agent goes on with its smaller model.
  await until(/^10 .*demo-small/m);
  await view("Live");
  await take("live");
  await view("Budgets");
  await page.getByText("writer asked").waitFor({ timeout: 60_000 });
  await take("budgets");
  await view("Live");
  await page
    .getByRole("row", { name: /Committed/ })
    .first()
    .click();
  await page.getByText("Its life").waitFor();
  await page.mouse.move(0, 0);
  await page.setViewportSize({ ...viewport, height: 700 });
  await take("reservation");
  await page.setViewportSize(viewport);
  await view("Denials");
  await take("denials");
} finally {
  await browser.close();
  demo.kill("SIGINT");
}
