import { mkdtemp, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { openExplorer } from "../../src/cli/pages/open-explorer.ts";
import { fakeTerminal, imprest } from "../support.ts";

let folder: string;
let feed: string;
let endings: (() => Promise<void>)[];

beforeEach(async () => {
  endings = [];
  folder = await mkdtemp(join(tmpdir(), "imprest-explorer-"));
  feed = join(folder, "feed.ndjson");
  await writeFile(feed, "first line\nsecond line\n");
  await writeFile(join(folder, "explorer.html"), "<title>Explorer</title>");
});

afterEach(async () => {
  for (const end of endings) await end();
  await rm(folder, { recursive: true });
});

const known = {
  origins: ["https://a.example"],
  jwks: {},
  allowLoopbackHttp: false,
  notAfterMs: {},
  order: "feed",
  expected: {},
} as const;

/** Runs the explorer and follows its link. @returns a fetch with the session, by path below the page. */
async function opened() {
  const stopping = new AbortController();
  const { terminal, written } = fakeTerminal({ signal: stopping.signal });
  const running = openExplorer(feed, known, terminal, folder);
  endings.push(async () => {
    stopping.abort();
    await running;
  });
  const link = await vi.waitFor(() => /http:\S+/.exec(written().out)?.[0] ?? Promise.reject(new Error("no link yet")));
  const entered = await fetch(link, { redirect: "manual" });
  const headers = { Cookie: entered.headers.get("set-cookie")?.split(";")[0] ?? "" };
  const base = new URL(entered.headers.get("location") ?? "", link);
  return { get: (path: string) => fetch(new URL(path, base), { headers }), out: () => written().out };
}

describe("the explorer that a command opens", () => {
  it("is given the feed, whole and in parts, and whom the command line trusts", async () => {
    const { get } = await opened();
    expect(await (await get("")).text()).toContain("<title>Explorer</title>");
    expect(await (await get("api/setup")).json()).toEqual({ ...known, name: "feed.ndjson", size: 23 });
    expect(await (await get("api/feed")).text()).toBe("first line\nsecond line\n");
    expect(await (await get("api/feed?from=6&to=17")).text()).toBe("line\nsecond");
    expect(await (await get("api/feed?from=17&to=999")).text()).toBe(" line\n");
    expect(await (await get("api/feed?from=23&to=999")).text()).toBe("");
  });

  it.each(["api/feed?from=-1", "api/feed?to=1e9", "api/feed?from=0x1", "api/feed?from=%2e%2e"])(
    "refuses %s",
    async (path) => {
      expect((await (await opened()).get(path)).status).toBe(400);
    },
  );

  it.each(["api/", "api/feed/", "api/feed%2f..%2fsecret", "api/../feed.ndjson", "feed.ndjson"])(
    "finds nothing at %s",
    async (path) => {
      expect([404]).toContain((await (await opened()).get(path)).status);
    },
  );

  it("serves the file that it opened, also when another takes its name or lines are added", async () => {
    const { get } = await opened();
    await writeFile(feed, "third line\n", { flag: "a" });
    expect(await (await get("api/feed")).text()).toBe("first line\nsecond line\n");
    await writeFile(join(folder, "secret"), "a secret of the disk");
    await rename(join(folder, "secret"), feed);
    expect(await (await get("api/feed")).text()).toBe("first line\nsecond line\n");
  });

  it("goes on serving after a reader has left in the middle", async () => {
    await writeFile(feed, "x".repeat(8_000_000));
    const { get } = await opened();
    await (await get("api/feed")).body?.cancel();
    expect((await (await get("api/feed")).arrayBuffer()).byteLength).toBe(8_000_000);
  });

  it("stops with the command, and shows the token once", async () => {
    const { get, out } = await opened();
    await get("");
    await endings.pop()?.();
    expect(out().match(/token=/g)).toHaveLength(1);
    await expect(get("")).rejects.toThrow(/fetch failed/);
  });
});

describe("imprest verify --open", () => {
  const base = ["--trust", "https://a.example", "--jwks", "keys", "--open"];
  const run = (...args: readonly string[]) =>
    imprest(["verify", ...args, ...base], { files: { keys: '{"keys":[]}', feed: "" } });

  it.each([
    ["standard input, which is read once", ["-"], "name a file"],
    ["what the page does not do", ["feed", "--format", "json"], "takes no --format"],
    ["what the page does not keep", ["feed", "--index", "i"], "takes no --index"],
    ["what the page does not fetch", ["feed", "--fetch-keys"], "takes no --fetch-keys"],
    ["a folder", [tmpdir()], "is no file"],
    ["a file that is not there", ["/nowhere/feed"], "ENOENT"],
  ])("refuses %s", async (_what, args, message) => {
    const ran = await run(...args);
    expect(ran).toMatchObject({ code: 2, err: expect.stringContaining(message) });
    expect(ran.out).toBe("");
  });
});
