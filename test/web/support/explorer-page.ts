import { readFile } from "node:fs/promises";
import type { Page } from "playwright";
import { issuer, jwks } from "./signed-feed.ts";

export interface GivenFile {
  readonly name: string;
  readonly bytes: string | Uint8Array;
}

/** Chooses files as a reader does. */
export async function choose(page: Page, ...files: readonly GivenFile[]): Promise<void> {
  const buffers = files.map(({ name, bytes }) => ({ name, mimeType: "", buffer: Buffer.from(bytes) }));
  await page.locator("input[type=file]").first().setInputFiles(buffers);
}

/** Gives a feed and the issuer's keys, trusts whom the feed names, and waits for what comes of it. */
export async function verifyIn(
  page: Page,
  feed: string | Uint8Array,
  { keys = JSON.stringify(jwks), trust = issuer }: { readonly keys?: string; readonly trust?: string } = {},
): Promise<void> {
  await choose(page, { name: "feed.ndjson", bytes: feed }, { name: "jwks.json", bytes: keys });
  await page.getByRole("button", { name: `Trust ${trust}`, exact: true }).click();
  await page.getByRole("button", { name: "Verify", exact: true }).click();
  await page.locator(".headline, .notice.bad").first().waitFor();
}

/** The text of the file that the page's export saves. */
export async function exported(page: Page): Promise<string> {
  const saving = page.waitForEvent("download");
  await page.getByRole("button", { name: "Export as JSON" }).click();
  const saved = await saving;
  return await readFile(await saved.path(), "utf8");
}

export async function textOf(page: Page, selector: string): Promise<string> {
  return (await page.locator(selector).first().textContent()) ?? "";
}
