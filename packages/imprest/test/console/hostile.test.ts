import { connect } from "node:net";
import { expect, it } from "vitest";
import { browse, FakeSource, openedConsole } from "./support.ts";

/** Sends a request exactly as it is written. */
async function raw(base: string, lines: readonly string[]): Promise<string> {
  const socket = connect(Number(new URL(base).port), "127.0.0.1");
  socket.end(`${lines.join("\r\n")}\r\n\r\n`);
  let answer = "";
  for await (const chunk of socket) answer += String(chunk);
  return answer;
}

const answers = ["api/state", "api/budgets", "api/activities", "api/waiting", "api/live", "api/burn?id=a&span=hour"];

it("another page of this machine reads nothing, even with the cookie: not by its own name, nor across origins", async () => {
  const { base, cookie } = await openedConsole({ source: new FakeSource() });
  const { host, pathname } = new URL(base);
  for (const path of answers) {
    const ask = (...headers: readonly string[]) =>
      raw(base, [`GET ${pathname}${path} HTTP/1.1`, "Connection: close", `Cookie: ${cookie}`, ...headers]);
    // A name that was rebound to this machine; another origin; a page of another site that a browser names.
    for (const headers of [
      [`Host: evil.example:${new URL(base).port}`],
      [`Host: ${host}`, "Origin: http://evil.example"],
      [`Host: ${host}`, "Origin: null"],
      [`Host: ${host}`, "Sec-Fetch-Site: cross-site"],
      [`Host: ${host}`, "Sec-Fetch-Site: same-site"],
      ["Host:", `X-Forwarded-Host: ${host}`],
    ]) {
      expect(await ask(...headers), path).toMatch(/^HTTP\/1\.1 40[03] /);
    }
  }
});

it.each(["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "HEAD"])(
  "a forged %s changes nothing: it is refused",
  async (method) => {
    const { base, cookie } = await openedConsole({ source: new FakeSource() });
    const { host, pathname } = new URL(base);
    const head = [`${method} ${pathname}api/budgets HTTP/1.1`, `Host: ${host}`, `Cookie: ${cookie}`];
    const answer = await raw(base, [...head, "Content-Length: 0", "Connection: close"]);
    expect(answer).toMatch(/^HTTP\/1\.1 405 /);
    expect(answer).not.toMatch(/access-control/i);
  },
);

it("a link that was used opens nothing, and what it opened goes on", async () => {
  const browsing = await openedConsole({ source: new FakeSource() });
  const again = await browse(browsing.link);
  expect(again.cookie).toBe("");
  expect((await fetch(`${browsing.base}api/state`)).status).toBe(403);
  expect((await browsing.get("api/state")).status).toBe(200);
});

it("the token is in no address, header or answer after the link", async () => {
  const browsing = await openedConsole({ source: new FakeSource() });
  const token = new URL(browsing.link).searchParams.get("token") ?? "";
  expect(token).not.toBe("");
  expect(browsing.base).not.toContain(token);
  for (const path of ["", ...answers.filter((one) => one !== "api/live"), "api/none"]) {
    const answer = await browsing.get(path);
    expect(JSON.stringify([...answer.headers]) + (await answer.text())).not.toContain(token);
  }
});
