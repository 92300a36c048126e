// `pnpm docs:screenshots` (after `pnpm build`): pictures of the console and of the explorer, of the running commands, in both
// themes, as `docs/images/*.png`. They show times and durations of the run, so no test compares them.
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { setTimeout } from "node:timers/promises";
import { chromium } from "playwright";
import { chromiumPath } from "../test/runtimes/chromium/executable.ts";
import { writeFeed, writeRecords } from "./screenshot-data.mjs";

const root = resolve(import.meta.dirname, "..");
const images = join(root, "docs/images");
const command = join(root, "packages/imprest/bin/imprest.js");
/** Pictures are in the repository for ever. */
const mostBytes = 200_000;
const themes = ["light", "dark"];
/** The demo takes two seconds a step. */
const longestMs = 120_000;
const viewport = { width: 1280, height: 640 };

const folder = mkdtempSync(join(tmpdir(), "imprest-pictures-"));
const browser = await chromium.launch({ executablePath: chromiumPath, args: ["--no-sandbox"] });
try {
  await showing(["demo", "--console", "--pace", "2000"], async ({ page, until, view }) => {
    // Caps come with less than 40 % left: the agent goes on with its smaller model.
    await until(/^10 .*demo-small/m);
    await view("Live");
    await take(page, "console-live");
    await view("Budgets");
    await page.getByText("writer asked").waitFor({ timeout: 60_000 });
    await take(page, "console-budgets");
    await view("Live");
    await page
      .getByRole("row", { name: /Committed/ })
      .first()
      .click();
    await page.getByText("Its life").waitFor();
    await page.mouse.move(0, 0);
    await page.setViewportSize({ ...viewport, height: 700 });
    await take(page, "console-reservation");
    await page.setViewportSize(viewport);
    await view("Denials");
    await take(page, "console-denials");
  });
  const records = await writeRecords(join(folder, "records"));
  const serve = ["serve", "--port", "0", "--budget", "tenant:acme=USD:5.00", "--console", "--records", records];
  await showing(serve, async ({ page, view }) => {
    await view("Waiting");
    await page.getByText("above the reserve").waitFor();
    await take(page, "console-waiting");
  });
  const { feed, jwks, issuer } = await writeFeed(folder);
  await showing(["verify", feed, "--trust", issuer, "--jwks", jwks, "--open"], async ({ page }) => {
    await page.getByText("Not proven").first().waitFor();
    await page.waitForTimeout(1_000);
    await take(page, "explorer");
  });
} finally {
  await browser.close();
  rmSync(folder, { recursive: true });
}

/** Runs a command, and opens the page that it prints the link of. */
async function showing(args, look) {
  const child = spawn(process.execPath, [command, ...args], {
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...process.env, BROWSER: "none" },
  });
  let printed = "";
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding("utf8").on("data", (text) => (printed += text));
  const until = async (pattern) => {
    for (const endMs = performance.now() + longestMs; performance.now() < endMs; await setTimeout(50)) {
      const found = pattern.exec(printed);
      if (found !== null) return found;
      if (child.exitCode !== null) break;
    }
    throw new Error(`imprest ${args.join(" ")} ended, or printed nothing like ${pattern}: ${printed}`);
  };
  try {
    const [link] = await until(/http:\/\/127\.0\.0\.1:\d+\/\S*[?/]\S{20,}(?=\s)/);
    const page = await browser.newPage({ viewport });
    await page.goto(link);
    await look({ page, until, view: async (name) => await page.getByRole("tab", { name }).click() });
    await page.close();
  } finally {
    child.kill("SIGINT");
  }
}

async function take(page, name) {
  for (const colorScheme of themes) {
    await page.emulateMedia({ colorScheme });
    await page.waitForTimeout(200);
    const path = join(images, `${name}-${colorScheme}.png`);
    await page.screenshot({ path });
    const { size } = statSync(path);
    console.log(`${size} bytes  ${path}`);
    if (size > mostBytes) throw new Error(`${path} is larger than ${mostBytes} bytes.`);
  }
}
