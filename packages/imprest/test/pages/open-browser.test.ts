import { chmod, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { openBrowser } from "../../src/cli/pages/open-browser.ts";

const link = "http://127.0.0.1:1/x/?token=t";
let folder: string;
const path = process.env["PATH"];

/** Programs of that name note what they are given. */
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "imprest-browser-"));
  for (const name of ["xdg-open", "open"]) {
    await writeFile(join(folder, name), `#!/bin/sh\necho "$@" > "${join(folder, `${name}.txt`)}"\n`);
    await chmod(join(folder, name), 0o755);
  }
  process.env["PATH"] = [folder, path].join(delimiter);
});

afterEach(async () => {
  process.env["PATH"] = path;
  await rm(folder, { recursive: true });
});

const noted = (name: string) => readFile(join(folder, `${name}.txt`), "utf8");

it.each([
  ["linux", { DISPLAY: ":0" }, "xdg-open"],
  ["linux", { WAYLAND_DISPLAY: "wayland-0" }, "xdg-open"],
  ["darwin", {}, "open"],
] as const)("on %s with %o the link goes to %s", async (platform, environment, program) => {
  expect(await openBrowser(link, environment, platform)).toBe(true);
  await vi.waitFor(async () => expect(await noted(program)).toBe(`${link}\n`));
});

it.each([
  ["linux", {}],
  ["linux", { DISPLAY: ":0", BROWSER: "none" }],
  ["darwin", { BROWSER: "none" }],
] as const)("on %s with %o nothing is opened", async (platform, environment) => {
  expect(await openBrowser(link, environment, platform)).toBe(false);
});

it("a program that is not there is no failure", async () => {
  process.env["PATH"] = folder;
  await rm(join(folder, "xdg-open"));
  expect(await openBrowser(link, { DISPLAY: ":0" }, "linux")).toBe(false);
});
