import { connect } from "node:net";
import { mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterEach, beforeEach, expect, test } from "vitest";
import { type PagesServer, servePages } from "../../src/cli/pages/serve-pages.ts";

let folder: string;
let server: PagesServer;
let asked: string[];

beforeEach(async () => {
  const root = await mkdtemp(join(tmpdir(), "imprest-pages-"));
  folder = join(root, "pages");
  await mkdir(join(folder, "assets"), { recursive: true });
  await writeFile(join(root, "secret.html"), "a secret of the disk");
  await writeFile(join(folder, "console.html"), "<!doctype html><title>Console</title>");
  await writeFile(join(folder, "assets/console.js"), "export {};");
  await writeFile(join(folder, "notes.md"), "not a file of a page");
  await symlink(join(root, "secret.html"), join(folder, "linked.html"));
  asked = [];
  server = await servePages({
    page: "console.html",
    folder,
    api: (request) => {
      asked.push(new URL(request.url).pathname + new URL(request.url).search);
      if (request.url.includes("fails")) throw new Error("a secret of the ledger");
      const headers = { "Cache-Control": "public", "Content-Security-Policy": "default-src *" };
      return Response.json({ lastEventId: request.headers.get("last-event-id") }, { headers });
    },
  });
});

afterEach(async () => {
  await server.close();
  await rm(join(folder, ".."), { recursive: true });
});

/** Sends a request exactly as it is written, and reads until the server ends the connection. */
async function send(
  start: string,
  headers: Readonly<Record<string, string | readonly string[]>> = {},
): Promise<string> {
  const { host, port } = new URL(server.origin);
  const all = { Host: host, Connection: "close", ...headers };
  const lines = Object.entries(all).flatMap(([name, values]) => [values].flat().map((value) => `${name}: ${value}`));
  const socket = connect(Number(port), "127.0.0.1");
  socket.write(`${[start, ...lines].join("\r\n")}\r\n\r\n`);
  let answer = "";
  for await (const chunk of socket.setEncoding("latin1")) answer += String(chunk);
  return answer;
}

function get(target: string, headers: Readonly<Record<string, string | readonly string[]>> = {}): Promise<string> {
  return send(`GET ${target} HTTP/1.1`, headers);
}

function statusOf(answer: string): number {
  return Number(/^HTTP\/1\.1 (\d{3}) /.exec(answer)?.[1]);
}

function linkTarget(): string {
  const { pathname, search } = new URL(server.link);
  return pathname + search;
}

/** Opens the link. @returns where it leads, and the cookie that the browser sends from then on. */
async function enter(): Promise<{ readonly base: string; readonly cookie: { readonly Cookie: string } }> {
  const answer = await get(linkTarget());
  const cookie = /^Set-Cookie: ([^;]+);/im.exec(answer)?.[1] ?? "";
  return { base: /^Location: (.+)$/im.exec(answer)?.[1]?.trim() ?? "", cookie: { Cookie: cookie } };
}

test("the link leads to an address without the token, where the pages and their data are", async () => {
  const token = new URL(server.link).searchParams.get("token") ?? "";
  expect(token.length).toBeGreaterThanOrEqual(43);
  const first = await get(linkTarget());
  expect(statusOf(first)).toBe(303);
  expect(first).not.toContain(token);
  expect(first).toMatch(/^set-cookie: imprest-\d+=[\w-]{43}; HttpOnly; SameSite=Strict; Path=\/[\w-]{16}\/\r$/m);
});

test("after the link the cookie alone opens the page, its assets and its data", async () => {
  const { base, cookie } = await enter();
  const page = await get(base, cookie);
  expect(page).toContain("<title>Console</title>");
  expect(page).toContain("content-type: text/html; charset=utf-8");
  expect(await get(`${base}assets/console.js`, cookie)).toContain("content-type: text/javascript; charset=utf-8");
  expect(await get(`${base}api/state?a=1&b=?`, { ...cookie, "Last-Event-ID": "7" })).toContain('{"lastEventId":"7"}');
  expect(asked).toEqual(["/api/state?a=1&b=?"]);
});

test("the link works once, and again only in the browser that has the session", async () => {
  const { cookie } = await enter();
  const again = await get(linkTarget());
  expect(statusOf(again)).toBe(403);
  expect(again).not.toContain("set-cookie");
  expect(again).toContain("This link has been used.");
  expect(statusOf(await get(linkTarget(), cookie))).toBe(303);
});

test("a wrong token does not use the link up", async () => {
  const wrong = linkTarget().replace(/.$/, (last) => (last === "A" ? "B" : "A"));
  const refused = await get(wrong);
  expect(statusOf(refused)).toBe(403);
  expect(refused).toContain("This is not the link that the terminal shows.");
  expect(statusOf(await get(linkTarget()))).toBe(303);
});

test("without the session nothing is served: no page, no asset, no data, no hint of what exists", async () => {
  const { base, cookie } = await enter();
  const targets = ["", "assets/console.js", "api/state", "missing"].map((name) => base + name);
  const strangers = [{}, { Cookie: `${cookie.Cookie}x` }, { Cookie: cookie.Cookie.replace("imprest", "other") }];
  for (const stranger of strangers) {
    const answers = await Promise.all(targets.map((target) => get(target, stranger)));
    const [first = "", ...others] = answers.map((answer) => answer.replace(/^Date: .*$/m, ""));
    expect(statusOf(first)).toBe(403);
    for (const other of others) expect(other).toBe(first);
  }
  expect(asked).toEqual([]);
});

test("a name that an attacker points at this machine reaches nothing, not even with the session", async () => {
  const { base, cookie } = await enter();
  const { port } = new URL(server.origin);
  const names = [
    `evil.example:${port}`,
    "127.0.0.1",
    `127.0.0.1:${Number(port) + 1}`,
    `[::1]:${port}`,
    `127.1:${port}`,
    "",
  ];
  for (const Host of names) {
    expect(statusOf(await get(`${base}api/state`, { ...cookie, Host }))).toBe(403);
    expect(statusOf(await get(linkTarget(), { Host }))).toBe(403);
  }
  const twice = await get(`${base}api/state`, { ...cookie, Host: [`127.0.0.1:${port}`, "evil.example"] });
  expect(statusOf(twice)).not.toBe(200);
  const old = await send(`GET ${base}api/state HTTP/1.0`, { ...cookie, Host: [] });
  expect(statusOf(old)).toBe(403);
  expect(asked).toEqual([]);
});

test("a page of another origin gets nothing, a neighbour on another port of this machine included", async () => {
  const { base, cookie } = await enter();
  const { port } = new URL(server.origin);
  const forged = [
    { Origin: "https://evil.example" },
    { Origin: "null" },
    { Origin: `http://127.0.0.1:${Number(port) + 1}` },
    { Origin: `https://127.0.0.1:${port}` },
    { Origin: `http://localhost:${port}` },
    { "Sec-Fetch-Site": "cross-site" },
    { "Sec-Fetch-Site": "same-site" },
    { Origin: server.origin, "Sec-Fetch-Site": "same-site" },
  ];
  for (const headers of forged) {
    expect(statusOf(await get(`${base}api/state`, { ...cookie, ...headers }))).toBe(403);
  }
  expect(asked).toEqual([]);
  const own = { Origin: server.origin, "Sec-Fetch-Site": "same-origin" };
  expect(statusOf(await get(`${base}api/state`, { ...cookie, ...own }))).toBe(200);
  expect(statusOf(await get(base, { ...cookie, "Sec-Fetch-Site": "none" }))).toBe(200);
});

test("another page cannot use the link up", async () => {
  expect(statusOf(await get(linkTarget(), { "Sec-Fetch-Site": "cross-site" }))).toBe(403);
  expect(statusOf(await get(linkTarget(), { "Sec-Fetch-Site": "none" }))).toBe(303);
});

test("only GET is answered", async () => {
  const { base, cookie } = await enter();
  for (const method of ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "HEAD", "TRACE"]) {
    const answer = await send(`${method} ${base}api/state HTTP/1.1`, cookie);
    expect(statusOf(answer)).toBe(405);
    expect(answer).toContain("allow: GET");
  }
  expect(asked).toEqual([]);
});

test("no spelling of a path reaches a file that is not one of the pages", async () => {
  const { base, cookie } = await enter();
  const step = fc.constantFrom(
    "..",
    "../",
    "%2e%2e/",
    "..%2f",
    "..\\",
    "%5c",
    "/",
    "//",
    ".",
    "secret.html",
    "pages/",
    "%00",
    "assets/",
    "file:",
    "linked.html",
    "notes.md",
  );
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 6 }), async (steps) => {
      const name = steps.join("");
      const answer = await get(base + name, cookie);
      expect(answer).not.toContain("secret of the disk");
      expect([400, 404]).toContain(statusOf(answer));
    }),
    { numRuns: 60 },
  );
  for (const target of ["/", "/console.html", `//evil.example${base}`, `${server.origin}${base}`, "*"]) {
    expect([400, 403, 404]).toContain(statusOf(await get(target, cookie)));
  }
});

test("every answer forbids inline scripts, frames, sniffing, caching and referrers", async () => {
  const { base, cookie } = await enter();
  const answers = [
    await get(linkTarget(), cookie),
    await get(base, cookie),
    await get(`${base}api/state`, cookie),
    await get(`${base}missing`, cookie),
    await get(base),
    await send(`POST ${base} HTTP/1.1`, cookie),
  ];
  for (const answer of answers.map((text) => text.toLowerCase())) {
    expect(answer).toMatch(/^content-security-policy: default-src 'none'; script-src 'self'; style-src 'self'; /m);
    expect(answer).toContain("frame-ancestors 'none'");
    expect(answer).toContain("x-content-type-options: nosniff");
    expect(answer).toContain("cache-control: no-store\r");
    expect(answer).toContain("referrer-policy: no-referrer");
    expect(answer).toContain("cross-origin-resource-policy: same-origin");
    expect(answer).not.toMatch(/access-control-|public|default-src \*/);
  }
});

test("a failure of the data's source is answered without its words", async () => {
  const { base, cookie } = await enter();
  const answer = await get(`${base}api/fails`, cookie);
  expect(statusOf(answer)).toBe(500);
  expect(answer).not.toContain("secret of the ledger");
});

test("closing breaks a stream that would never end, and tells its source", async () => {
  let left = false;
  const body = new ReadableStream<Uint8Array>({
    start: (controller) => controller.enqueue(new TextEncoder().encode("first")),
    cancel: () => void (left = true),
  });
  const live = await servePages({ page: "console.html", folder, api: () => new Response(body) });
  const entered = await fetch(live.link, { redirect: "manual" });
  const cookie = entered.headers.get("set-cookie")?.split(";")[0] ?? "";
  const address = new URL("api/live", new URL(entered.headers.get("location") ?? "", live.origin));
  const answer = await fetch(address, { headers: { Cookie: cookie } });
  const reader = answer.body?.getReader();
  expect(new TextDecoder().decode((await reader?.read())?.value)).toBe("first");
  const broken = reader?.read().catch(() => "broken");
  await live.close();
  expect(await broken).toBe("broken");
  expect(left).toBe(true);
});

test("a folder without the page is refused with the command that builds it", async () => {
  await expect(servePages({ page: "explorer.html", folder, api: () => Response.json({}) })).rejects.toThrow(
    /pnpm build/,
  );
  await expect(
    servePages({ page: "x.html", folder: join(folder, "no"), api: () => Response.json({}) }),
  ).rejects.toThrow(/pnpm build/);
});
