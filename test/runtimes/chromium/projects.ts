import { existsSync } from "node:fs";
import { join, resolve } from "node:path";
import { playwright } from "@vitest/browser-playwright";
import type { TestProjectInlineConfiguration } from "vitest/config";
import { chromiumPath } from "./executable.ts";

const here = import.meta.dirname;
const provider = playwright({
  launchOptions: {
    executablePath: chromiumPath,
    // Without web security a page may ask the authority on another port: in production a proxy of its own origin.
    args: ["--no-sandbox", "--disable-web-security"],
  },
});

/** Pages get the built packages, as a bundler of pages resolves them: no condition of ours. Each has servers of its own. */
function inPages(name: string, include: string, setupFiles: string[] = []): TestProjectInlineConfiguration {
  const instances = [{ browser: "chromium" as const, name }];
  const browser = { enabled: true, headless: true, screenshotFailures: false, provider, instances };
  const globalSetup = [join(here, "serve.ts")];
  const root = resolve(here, "../../..");
  return { test: { name, root, include: [include], globalSetup, setupFiles, testTimeout: 60_000, browser } };
}

// CI brings the browser; elsewhere a missing one is no failure.
const isThere = existsSync(chromiumPath) || process.env["CI"] !== undefined;
const withoutEd25519 = join(here, "../entries/without-ed25519.js");

export const chromiumProjects: readonly TestProjectInlineConfiguration[] = isThere
  ? [
      inPages("runtimes in chromium", "test/runtimes/chromium/*.test.ts"),
      inPages("runtimes in chromium without Ed25519", "test/runtimes/chromium/suite.test.ts", [withoutEd25519]),
    ]
  : [];
