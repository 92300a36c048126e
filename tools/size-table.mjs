import { readFileSync, writeFileSync } from "node:fs";
import { resolve } from "node:path";

const file = resolve(import.meta.dirname, "../docs/sizes.md");

const heading = `# Sizes

What a page loads of the built packages: bundled with all that is imported (dependencies too), minified, gzipped, in bytes.
\`pnpm build && pnpm size\` writes this; \`npm test\` fails where a bundle weighs one part in a hundred more or less than
here. \`test/package/browser-bundles.test.ts\` says what may not be in a bundle at all.

| imported | bytes |
| --- | ---: |
`;

/** How far a bundle may be from what the table has, in bytes: one part in a hundred, and what compression varies by. */
export const tolerance = (size) => Math.max(Math.ceil(size / 100), 32);

/** Bytes by a bundle's name. @returns an empty map where there is no table. */
export function committedSizes() {
  let text = "";
  try {
    text = readFileSync(file, "utf8");
  } catch (error) {
    if (error.code !== "ENOENT") throw error;
  }
  return new Map(
    Array.from(text.matchAll(/^\| `([^`]+)` \| ([\d,]+) \|$/gm), ([, name, size]) => [
      name,
      Number(size.replaceAll(",", "")),
    ]),
  );
}

export function writeSizes(sizes) {
  const rows = Array.from(sizes, ([name, size]) => `| \`${name}\` | ${size.toLocaleString("en")} |\n`);
  writeFileSync(file, heading + rows.join(""));
}
