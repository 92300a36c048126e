import { expect, it } from "vitest";
import { pagesOf, readMeasured, readPage } from "../bench/pages.ts";

/** Tables are aligned by the formatter, which no reader sees. */
function unaligned(page: string): string {
  return page.replaceAll(/ +\|/g, " |").replaceAll(/-{3,}/g, "---");
}

const pages = Object.entries(pagesOf(readMeasured()));

it.each(pages)("%s says what the committed run measured: `pnpm bench --pages` writes it again", (path, text) => {
  expect(unaligned(readPage(path))).toBe(unaligned(text));
});
