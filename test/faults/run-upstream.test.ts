import { execFileSync, spawnSync } from "node:child_process";
import { readFileSync, readdirSync, writeFileSync } from "node:fs";
import { createServer as createProxy } from "node:http";
import { type AddressInfo, connect } from "node:net";
import { join } from "node:path";
import { createServer as createTlsServer } from "node:tls";
import { usd } from "@imprest/core";
import { describe, expect, it, onTestFinished } from "vitest";
import { freePort } from "../../packages/imprest/test/serving.ts";
import { type Workbench, openWorkbench } from "../../packages/imprest/test/run/running.ts";

// `imprest run` in a company's network: its provider is reached through a proxy that is spoken to by CONNECT, under a certificate
// of the company's own authority.

const hasOpenssl = spawnSync("openssl", ["version"]).status === 0;

/** A certificate for models.test and 127.0.0.1, and the authority that it is signed by. */
function certify(folder: string): { readonly ca: string; readonly cert: string; readonly key: string } {
  const at = (name: string): string => join(folder, name);
  const openssl = (...args: readonly string[]): unknown => execFileSync("openssl", args, { stdio: "pipe" });
  const key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"];
  openssl(
    "req",
    "-x509",
    ...key,
    "-keyout",
    at("ca.key"),
    "-out",
    at("ca.pem"),
    "-subj",
    "/CN=Company CA",
    "-days",
    "2",
  );
  openssl("req", ...key, "-keyout", at("tls.key"), "-out", at("tls.csr"), "-subj", "/CN=models.test");
  writeFileSync(at("names"), "subjectAltName=DNS:models.test,IP:127.0.0.1\n");
  const signing = [
    "-CA",
    at("ca.pem"),
    "-CAkey",
    at("ca.key"),
    "-CAcreateserial",
    "-days",
    "2",
    "-extfile",
    at("names"),
  ];
  openssl("x509", "-req", "-in", at("tls.csr"), ...signing, "-out", at("tls.pem"));
  return { ca: at("ca.pem"), cert: readFileSync(at("tls.pem"), "utf8"), key: readFileSync(at("tls.key"), "utf8") };
}

/** The provider behind TLS, and a proxy that tunnels every name to it and keeps what passes. */
async function openNetwork({ folder, url }: Workbench) {
  const { ca, ...identity } = certify(folder);
  const tls = createTlsServer(identity, (socket) => {
    const onward = connect(Number(new URL(url).port), "127.0.0.1");
    for (const end of [socket, onward]) end.on("error", () => {});
    socket.pipe(onward).pipe(socket);
  });
  const port = await listening(tls);
  const asked: string[] = [];
  let bytes = "";
  const proxy = createProxy((request, response) => {
    asked.push(`${request.method} ${request.url}`);
    response.writeHead(502).end();
  });
  proxy.on("connect", (request, socket) => {
    asked.push(`${request.method} ${request.url} ${request.headers["proxy-authorization"] ?? ""}`.trim());
    const onward = connect(port, "127.0.0.1");
    for (const end of [socket, onward]) end.on("error", () => {});
    socket.on("data", (chunk: Buffer) => (bytes += chunk.toString("latin1")));
    socket.write("HTTP/1.1 200 Connection Established\r\n\r\n");
    socket.pipe(onward).pipe(socket);
  });
  return { ca, port, proxy: `http://127.0.0.1:${await listening(proxy)}`, asked, passed: () => bytes };
}

async function listening(server: ReturnType<typeof createProxy> | ReturnType<typeof createTlsServer>): Promise<number> {
  await new Promise<void>((resolve) => {
    server.listen(0, "127.0.0.1", resolve);
  });
  onTestFinished(() => void server.close());
  return (server.address() as AddressInfo).port;
}

const asking = 'const answer = await ask(); console.log(answer.status, (await answer.text()).includes("usage"));';

describe.runIf(hasOpenssl)("a provider behind a proxy and a company's certificate", () => {
  it.each(["NODE_EXTRA_CA_CERTS", "SSL_CERT_FILE"])("is reached by CONNECT, trusted by %s", async (variable) => {
    await using bench = await openWorkbench();
    const { ca, proxy, asked, passed } = await openNetwork(bench);
    const withPassword = proxy.replace("//", "//clerk:real-password@");
    const environment = {
      OPENAI_BASE_URL: "https://models.test/v1",
      HTTPS_PROXY: withPassword,
      // The program honours it too, and still speaks to the gateway itself.
      HTTP_PROXY: proxy,
      NODE_USE_ENV_PROXY: "1",
      [variable]: ca,
    };
    const { code, out, err } = await bench.run(bench.program(asking), { environment }).ended;
    expect({ code, out }, err).toEqual({ code: 0, out: "200 true\n" });
    expect(asked).toEqual([`CONNECT models.test:443 Basic ${btoa("clerk:real-password")}`]);
    expect(passed()).not.toMatch(/sk-|authorization/i);
    expect(bench.gauge()).toMatchObject({ spent: bench.provider.bill, reserved: usd(0) });
    expect(bench.provider.calls).toHaveLength(1);
    expect(out + err).not.toContain("real-");
  });

  it("is not reached without the certificate, and NO_PROXY keeps its own hosts from the proxy", async () => {
    await using bench = await openWorkbench();
    const { ca, port, proxy, asked } = await openNetwork(bench);
    const environment = {
      OPENAI_BASE_URL: `https://127.0.0.1:${port}/v1`,
      HTTPS_PROXY: proxy,
      NO_PROXY: "intern.example,127.0.0.1",
    };
    const source = bench.program(`${asking} console.log(process.env.NO_PROXY);`);
    const distrusted = await bench.run(source, { environment }).ended;
    expect(distrusted.out).toBe("502 false\nintern.example,127.0.0.1,127.0.0.1,localhost,::1\n");
    expect(bench.provider.calls).toEqual([]);
    expect(bench.gauge()).toMatchObject({ spent: usd(0), reserved: usd(0) });
    const trusted = await bench.run(source, { environment: { ...environment, SSL_CERT_FILE: ca } }).ended;
    expect(trusted.out).toMatch(/^200 true\n/);
    expect(asked).toEqual([]);
  });
});

it("shows no key of any kind in what it prints, keeps and answers, whatever the providers do", async () => {
  await using bench = await openWorkbench();
  const { provider, folder, url } = bench;
  const keys = {
    OPENAI_API_KEY: "sk-real-openai",
    ANTHROPIC_API_KEY: "sk-real-anthropic",
    ANTHROPIC_AUTH_TOKEN: "sk-real-auth-token",
    GEMINI_API_KEY: "sk-real-gemini",
    GOOGLE_API_KEY: "sk-real-google",
    AZURE_OPENAI_API_KEY: "sk-real-azure",
  };
  const bases = { AZURE_OPENAI_ENDPOINT: `${url}/`, GOOGLE_GEMINI_BASE_URL: `http://127.0.0.1:${await freePort()}` };
  provider.next({}, { fault: { kind: "lost", when: "after-work" } }, { fault: { kind: "status", status: 401 } });
  const source = `
    const post = async (url, headers, body) => {
      const answer = await fetch(url, { method: "POST", headers: { cookie: "a=1", ...headers }, body: JSON.stringify(body) });
      console.log(answer.status, JSON.stringify([...answer.headers]), await answer.text());
    };
    const { env } = process;
    const message = { model: "claude-sonnet-5", max_tokens: 50, messages: [{ role: "user", content: "Hi" }] };
    const chat = { ...message, model: "gpt-5" };
    const content = { contents: [{ parts: [{ text: "Hi" }] }], generationConfig: { maxOutputTokens: 50 } };
    await post(env.OPENAI_BASE_URL + "/chat/completions", { authorization: "Bearer " + env.OPENAI_API_KEY }, chat);
    await post(env.ANTHROPIC_BASE_URL + "/v1/messages", { "x-api-key": env.ANTHROPIC_API_KEY }, message);
    await post(env.ANTHROPIC_BASE_URL + "/v1/messages", { authorization: "Bearer " + env.ANTHROPIC_AUTH_TOKEN }, message);
    await post(env.AZURE_OPENAI_ENDPOINT + "/openai/v1/chat/completions", { "api-key": env.AZURE_OPENAI_API_KEY }, chat);
    const gemini = env.GOOGLE_GEMINI_BASE_URL + "/v1beta/models/gemini-3-pro:generateContent";
    await post(gemini, { "x-goog-api-key": env.GOOGLE_API_KEY }, content);
    await post(gemini + "?key=" + env.GEMINI_API_KEY, {}, content);
    console.log(JSON.stringify(env));
    process.exit(9);`;
  const flags = ["--store", join(folder, "books.sqlite")];
  const run = bench.run(bench.program(source), { flags, environment: { ...keys, ...bases } });
  const { code, out, err } = await run.ended;
  expect(code, out + err).toBe(9);
  const statuses = out.split("\n").flatMap((line) => /^\d{3}(?= )/.exec(line) ?? []);
  expect(statuses).toEqual(["200", "502", "401", "200", "502", "502"]);
  expect(err).toMatch(/^imprest run: 3 calls, spent .* 1 settled by an estimate/m);
  expect(bench.gauge().spent.amount).toBeGreaterThanOrEqual(provider.bill.amount);
  const kept = readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((file) => file.isFile() && !file.name.startsWith("program-"))
    .map((file) => readFileSync(join(file.parentPath, file.name), "latin1"));
  expect(kept.length).toBeGreaterThan(2);
  expect([out, err, ...kept].filter((text) => text.includes("sk-real-"))).toEqual([]);
});
