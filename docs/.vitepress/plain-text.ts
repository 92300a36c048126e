import { mkdir, readFile, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { pageOf, repository, titleOf } from "./pages.ts";

/**
 * Writes what an agent that reads documentation asks for: each page as the Markdown that it is made of, beside it, and
 * `llms.txt`, the list of them with what each is about.
 * @param files the pages' sources, from the root of the repository.
 */
export async function writePlainText(files: readonly string[], folder: string, origin: string): Promise<void> {
  const pages = await Promise.all(
    files
      .toSorted()
      .map(async (file) => ({ page: pageOf(file), text: await readFile(join(repository, file), "utf8") })),
  );
  for (const { page, text } of pages) {
    await mkdir(dirname(join(folder, page)), { recursive: true });
    await writeFile(join(folder, page), text);
  }
  const first = pages.find(({ page }) => page === "index.md");
  const rows = pages.map(({ page, text }) => `- [${titleOf(text)}](${origin}/${page}): ${summaryOf(text)}\n`);
  await writeFile(
    join(folder, "llms.txt"),
    `# Imprest\n\n> ${summaryOf(first?.text ?? "")}\n\n## Pages\n\n${rows.join("")}`,
  );
}

/** The first paragraph of prose, on one line. */
function summaryOf(text: string): string {
  const paragraphs = text.replace(/^```.*?^```/gms, "").split(/\n\s*\n/);
  const prose = paragraphs.find((paragraph) => /^[A-Za-z`*[]/.test(paragraph.trim())) ?? "";
  return prose
    .trim()
    .replace(/\[([^\]]*)\]\([^)]*\)/g, "$1")
    .replaceAll(/\s+/g, " ");
}
