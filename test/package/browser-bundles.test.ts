import { build } from "esbuild";
import { describe, expect, it } from "vitest";
import { browserBundles, forBrowsers } from "../../tools/browser-bundles.ts";

// What may not be in what a page loads of the built packages. What it weighs is in docs/sizes.md.

const nowhere = {
  Node: /^node:|undici/,
  sources: /packages\/[\w-]+\/src\//,
};

const protocols = ["cycles", "asp", "arcp", "ap2"];
/**
 * Payments are guarded by reservations, so AP2 stands on Cycles. The embedded authority speaks two wires, and a test's
 * authority is one. The scripted runtime speaks ARCP.
 */
const spokenBy: Readonly<Record<string, readonly string[]>> = {
  ap2: ["ap2", "cycles"],
  embedded: ["cycles", "asp"],
  testing: ["cycles", "asp"],
  "testing/arcp": ["arcp"],
};
const schemas = /\/zod\//;
const locale = /zod\/.*\/locales\//;
/** The one entry that is schemas of zod, with zod's own messages. */
const withSchemas = "@imprest/core/zod";
const kernel = /core\/dist\/reservation\//;
/** A session of ARCP emits events by itself; an observer of the other clients is its user's. */
const emitter = /eventemitter3/;
const unusedByClients =
  /settlement-queue|read-dead-letters|webhook|shadow|cycles\/dist\/caps|orphans|evidence\/|emitted-event|runtime\/|audit\//;

/** Beyond what is nowhere: the other protocols, and for a client's bundle what it does not call. */
function forbiddenIn(name: string): readonly RegExp[] {
  const [, entry = "", owner = ""] = /@imprest\/(([\w-]+)[\w/-]*)/.exec(name) ?? [];
  const spoken = spokenBy[entry] ?? spokenBy[owner] ?? [owner];
  const foreign = protocols.filter((protocol) => !spoken.includes(protocol)).join("|");
  const others = new RegExp(`packages/(?:${foreign})/|core/dist/models/(?:${foreign})/`);
  return [
    ...(owner === "core" ? [] : [others]),
    ...(name === "{ CyclesClient } of @imprest/cycles" ? [kernel] : []),
    ...(name.startsWith("{") ? [unusedByClients] : []),
    ...(name.startsWith("{") && owner !== "arcp" ? [emitter] : []),
    ...(name === withSchemas ? [] : [schemas, locale]),
  ];
}

/** The files whose code is in the bundle, and the modules that it would still import. */
async function contents(code: string): Promise<string[]> {
  const { metafile } = await build({
    ...forBrowsers,
    stdin: { contents: code, resolveDir: import.meta.dirname },
    external: [...(forBrowsers.external ?? []), "node:*"],
    write: false,
    metafile: true,
  });
  return Object.values(metafile.outputs).flatMap(({ inputs, imports }) => [
    ...Object.keys(inputs).filter((file) => (inputs[file]?.bytesInOutput ?? 0) > 0),
    ...imports.map(({ path }) => path),
  ]);
}

const matching = (files: readonly string[], patterns: readonly RegExp[]): string[] =>
  files.filter((file) => patterns.some((pattern) => pattern.test(file)));

describe.each(browserBundles())("a page that imports $name", ({ name, file, imports }) => {
  it("loads nothing of another protocol, of Node, or that it does not call", async () => {
    const clause = imports === "*" ? "* as all" : imports;
    const used = imports === "*" ? "all" : imports.replaceAll(/[{}]/g, "");
    const files = await contents(`import ${clause} from ${JSON.stringify(file)}; console.log(${used});`);
    expect(files.length).toBeGreaterThan(1);
    expect(matching(files, [...Object.values(nowhere), ...forbiddenIn(name)])).toEqual([]);
  });
});

describe("the search itself finds", () => {
  it.each([
    ["Node", 'export * from "node:fs";', [nowhere.Node]],
    ["a locale of zod", 'export { z } from "../../packages/core/node_modules/zod/index.js";', [locale]],
    ["ASP beside Cycles", 'export { AspClient } from "@imprest/asp";', forbiddenIn("@imprest/cycles")],
    ["ASP's models beside Cycles", 'export * from "@imprest/core/models/asp";', forbiddenIn("@imprest/cycles")],
    ["schemas in a client", 'export * from "@imprest/core/zod";', forbiddenIn("@imprest/cycles")],
    ["the kernel in the bare client", 'export { guard } from "@imprest/cycles";', [kernel]],
  ])("%s", async (_what, code, patterns) => {
    expect(matching(await contents(code), patterns)).not.toEqual([]);
  });
});
