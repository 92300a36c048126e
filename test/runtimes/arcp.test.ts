import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { expectedSession } from "./arcp-session.ts";
import { buildSuite } from "./build.ts";
import { runtimes } from "./run.ts";
import { serveArcp } from "./servers.ts";

// The same session code, over each host's own WebSocket; the socket is killed once in the middle of the first job.

const out = join(import.meta.dirname, ".out");
let folder: string;
beforeAll(() => {
  mkdirSync(out, { recursive: true });
  folder = mkdtempSync(join(out, "arcp-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe.each(runtimes)("an ARCP session on $name", ({ name, entry, run }) => {
  it("goes through a killed socket to its end", async () => {
    await using server = await serveArcp();
    const outfile = join(folder, `${name.replaceAll(" ", "-")}.mjs`);
    await buildSuite({ suite: "arcp", entry, outfile, define: { arcpUrl: server.url } });
    const printed = await run(outfile);
    const verdict: unknown = JSON.parse(printed.slice(printed.indexOf("{"), printed.lastIndexOf("}") + 1));
    expect(verdict).toEqual(expectedSession);
    expect(server.connections()).toBe(2);
  });
});
