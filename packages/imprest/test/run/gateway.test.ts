import { request as httpRequest } from "node:http";
import { connect } from "node:net";
import { usd } from "@imprest/core";
import { createModelProvider } from "@imprest/testing/models";
import fc from "fast-check";
import { afterEach, describe, expect, it } from "vitest";
import { createBudget } from "../../src/budget/create-budget.ts";
import { type GatewayServer, serveGateway } from "../../src/cli/gateway/serve-gateway.ts";
import { childVariables, foreignKeys, withoutServer } from "../../src/run/child-environment.ts";
import { createGateway } from "../../src/run/gateway.ts";
import { routesOf } from "../../src/run/routes.ts";

const prices = {
  "gpt-5": { input: "1.25", output: "10.00", maxOutputTokens: 1_000 },
  "claude-sonnet-5": { input: "3.00", output: "15.00" },
  "gemini-3-pro": { input: "1.25", output: "10.00", maxOutputTokens: 1_000 },
};
const keys = { OPENAI_API_KEY: "real-openai", ANTHROPIC_API_KEY: "real-anthropic", GEMINI_API_KEY: "real-gemini" };

let server: GatewayServer | undefined;
afterEach(() => server?.close());

interface Sent {
  readonly url: string;
  readonly headers: Headers;
}

/** A gateway on a port, and what left it. */
async function open(environment: Readonly<Record<string, string>> = keys, answer?: () => Response) {
  const provider = createModelProvider({ prices });
  const sent: Sent[] = [];
  const upstream: typeof fetch = async (input, init) => {
    const url = new Request(input).url;
    sent.push({ url, headers: new Headers(init?.headers) });
    return answer ? answer() : provider.fetch(input, init);
  };
  const budget = createBudget({ limit: usd("1.00"), prices, fetch: upstream });
  const routes = routesOf(environment, false);
  const listening = await serveGateway(createGateway({ routes, fetch: budget.fetch, hosts: () => listening.hosts }));
  server = listening;
  const child = childVariables(listening.origin, routes, environment);
  return { child, sent, provider, budget, origin: listening.origin };
}

const chat = { model: "gpt-5", max_completion_tokens: 50, messages: [{ role: "user", content: "Hi" }] };
const message = { ...chat, model: "claude-sonnet-5", max_tokens: 50, max_completion_tokens: undefined };
const content = { contents: [{ parts: [{ text: "Hi" }] }], generationConfig: { maxOutputTokens: 50 } };

function post(url: string, body: object, headers: Readonly<Record<string, string>> = {}): Promise<Response> {
  const type = { "content-type": "application/json" };
  return fetch(url, { method: "POST", body: JSON.stringify(body), headers: { ...type, ...headers } });
}

describe("the gateway of imprest run", () => {
  it("puts each provider's key in where the program had its token, and nowhere else", async () => {
    const { child, sent, provider, budget } = await open();
    const answers = [
      await post(`${child["OPENAI_BASE_URL"]}/chat/completions`, chat, {
        authorization: `Bearer ${child["OPENAI_API_KEY"]}`,
        cookie: "session=1",
      }),
      await post(`${child["ANTHROPIC_BASE_URL"]}/v1/messages`, message, {
        "x-api-key": child["ANTHROPIC_API_KEY"] ?? "",
      }),
      await post(`${child["ANTHROPIC_BASE_URL"]}/messages`, message, { "x-api-key": child["ANTHROPIC_API_KEY"] ?? "" }),
      await post(
        `${child["GOOGLE_GEMINI_BASE_URL"]}/v1beta/models/gemini-3-pro:generateContent?key=${child["GEMINI_API_KEY"]}`,
        content,
      ),
    ];
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200]);
    expect(sent.map(({ url }) => url)).toEqual([
      "https://api.openai.com/v1/chat/completions",
      "https://api.anthropic.com/v1/messages",
      "https://api.anthropic.com/v1/messages",
      "https://generativelanguage.googleapis.com/v1beta/models/gemini-3-pro:generateContent?key=real-gemini",
    ]);
    expect(sent[0]?.headers.get("authorization")).toBe("Bearer real-openai");
    expect(sent[0]?.headers.get("cookie")).toBeNull();
    expect(sent[0]?.headers.get("accept-encoding")).toBe("identity");
    expect(sent[1]?.headers.get("x-api-key")).toBe("real-anthropic");
    await budget.flush();
    expect((await budget.balance()).spent).toEqual(provider.bill);
  });

  it("sends to what the variable said before, with its path", async () => {
    const { child, sent } = await open({ ...keys, OPENAI_BASE_URL: "https://openrouter.example/api/v1" });
    const authorization = `Bearer ${child["OPENAI_API_KEY"]}`;
    await post(`${child["OPENAI_BASE_URL"]}/chat/completions`, chat, { authorization });
    expect(sent[0]?.url).toBe("https://openrouter.example/api/v1/chat/completions");
  });

  it.each([
    ["without a credential", {}, 401],
    ["with the real key, which the program does not have", { authorization: "Bearer real-openai" }, 401],
    ["of a web page", { origin: "https://page.example" }, 403],
    ["signed for Bedrock", { authorization: "AWS4-HMAC-SHA256 Credential=x" }, 400],
  ])("refuses a request %s, and sends nothing", async (_, headers, status) => {
    const { child, sent } = await open();
    const answer = await post(`${child["OPENAI_BASE_URL"]}/chat/completions`, chat, headers);
    expect(answer.status).toBe(status);
    expect([...answer.headers.keys()].filter((name) => name.startsWith("access-control"))).toEqual([]);
    expect(sent).toEqual([]);
  });

  it("takes one provider's token for no other provider", async () => {
    const { child, sent } = await open();
    const headers = { "x-api-key": child["OPENAI_API_KEY"] ?? "" };
    expect((await post(`${child["ANTHROPIC_BASE_URL"]}/v1/messages`, message, headers)).status).toBe(401);
    expect(sent).toEqual([]);
  });

  it.each([
    [
      "OPENAI",
      "/batches",
      { input_file_id: "file-1", endpoint: "/v1/responses" },
      "is no request that the guard can price",
    ],
    [
      "OPENAI",
      "/responses",
      { model: "gpt-5", input: "Hi", background: true, max_output_tokens: 9 },
      "is charged after",
    ],
    ["ANTHROPIC", "/v1/messages/batches", { requests: [{ custom_id: "1", params: message }] }, "is charged after"],
  ] as const)("refuses what nobody would settle, to %s%s, and says so", async (name, path, body, why) => {
    const { child, sent } = await open();
    const authorization = `Bearer ${child[`${name}_API_KEY`]}`;
    const answer = await post(`${child[`${name}_BASE_URL`]}${path}`, body, { authorization });
    expect(answer.status).toBe(400);
    expect(await answer.text()).toContain(why);
    expect(sent).toEqual([]);
  });

  it.each(["AWS_BEDROCK_BASE_URL", "ANTHROPIC_BEDROCK_BASE_URL", "AWS_ENDPOINT_URL_BEDROCK_RUNTIME"])(
    "refuses a request of Bedrock, which finds it by %s, with a sentence of its own",
    async (name) => {
      const { child, sent } = await open();
      const answer = await post(`${child[name]}/model/anthropic.claude/converse`, message);
      expect(answer.status).toBe(400);
      expect(await answer.text()).toContain("signed for its own host, so no gateway can pass them on; none was sent");
      expect(sent).toEqual([]);
    },
  );

  it("follows no redirect, and names no address of one", async () => {
    const redirect = (): Response =>
      new Response(null, { status: 307, headers: { location: "https://evil.example/" } });
    const { child, sent } = await open(keys, redirect);
    const authorization = `Bearer ${child["OPENAI_API_KEY"]}`;
    const answer = await post(`${child["OPENAI_BASE_URL"]}/chat/completions`, chat, { authorization });
    expect(answer.status).toBe(502);
    expect(answer.headers.get("location")).toBeNull();
    expect(sent).toHaveLength(1);
  });

  it("repeats no key where the upstream fails", async () => {
    const { child } = await open(keys, () => {
      throw new TypeError("fetch failed: https://host/?key=real-gemini", { cause: { code: "ECONNREFUSED" } });
    });
    const path = `/v1beta/models/gemini-3-pro:generateContent?key=${child["GEMINI_API_KEY"]}`;
    const answer = await post(child["GOOGLE_GEMINI_BASE_URL"] + path, content);
    expect(answer.status).toBe(502);
    expect(await answer.text()).not.toContain("real-");
  });

  it.each([401, 500])("hands the program its own token where an answer with %i repeats the key", async (status) => {
    const said = 'Incorrect API key provided: real-openai. {"key":"real-openai"}';
    const { child } = await open(
      keys,
      () => new Response(said, { status, headers: { "x-echo": "Bearer real-openai" } }),
    );
    const token = child["OPENAI_API_KEY"] ?? "";
    for (const path of ["/models", "/chat/completions"]) {
      const headers = { authorization: `Bearer ${token}` };
      const url = child["OPENAI_BASE_URL"] + path;
      const answer = await (path === "/models" ? fetch(url, { headers }) : post(url, chat, headers));
      expect(answer.status).toBe(status);
      expect(await answer.text()).toBe(said.replaceAll("real-openai", token));
      expect(answer.headers.get("x-echo")).toBe(`Bearer ${token}`);
    }
  });

  it("refuses a foreign Host, the absolute form and an upgrade", async () => {
    const { origin, sent } = await open();
    const { port } = new URL(origin);
    const statusOf = (path: string, headers: Readonly<Record<string, string>>): Promise<number | undefined> =>
      new Promise((resolve, reject) => {
        const asked = httpRequest({ port, host: "127.0.0.1", path, headers, method: "GET" }, (answer) => {
          answer.resume();
          resolve(answer.statusCode);
        });
        asked.on("error", reject).end();
      });
    expect(await statusOf("/openai/v1/models", { host: "page.example" })).toBe(403);
    expect(await statusOf("http://api.openai.com/v1/models", {})).toBe(400);
    const upgraded = await new Promise<string>((resolve) => {
      const socket = connect(Number(port), "127.0.0.1");
      socket.write(
        `GET /openai/v1/realtime HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n`,
      );
      socket.once("data", (data) => resolve(String(data)));
    });
    expect(upgraded).toMatch(/^HTTP\/1\.1 426 /);
    expect(sent).toEqual([]);
  });

  it("replaces a key also where nothing can be forwarded, and names keys of providers that it does not know", () => {
    const environment = { AZURE_API_KEY: "real-azure", MISTRAL_API_KEY: "real-mistral", OPENAI_API_KEY: "real-openai" };
    const child = childVariables("http://127.0.0.1:1", routesOf(environment, false), environment);
    expect(child["AZURE_API_KEY"]).toMatch(/^sk-imprest-/);
    expect(child["AZURE_API_BASE"]).toBeUndefined();
    expect(foreignKeys(environment)).toEqual(["MISTRAL_API_KEY"]);
  });

  it("replaces the same key under every other name, and within other values", () => {
    const key = "sk-real-openai-0000";
    const environment = { OPENAI_API_KEY: key, openai_api_key: key, MINE: key, HEADERS: `Bearer ${key}`, OTHER: "x" };
    const child = childVariables("http://127.0.0.1:1", routesOf(environment, false), environment);
    const token = child["OPENAI_API_KEY"];
    expect(child).toMatchObject({ openai_api_key: token, MINE: token, HEADERS: `Bearer ${token}` });
    expect(child).not.toHaveProperty("OTHER");
    expect(foreignKeys(environment, child)).toEqual([]);
  });

  it("names the keys and tokens that a program may spend with beside the budget", () => {
    const left = {
      OPENAI_ADMIN_KEY: "1",
      AZURE_OPENAI_AD_TOKEN: "2",
      CLAUDE_CODE_OAUTH_TOKEN: "3",
      AWS_BEARER_TOKEN_BEDROCK: "4",
      HF_TOKEN: "5",
      REPLICATE_API_TOKEN: "6",
      OPENAI_API_KEY_FALLBACK: "7",
      mistral_api_key: "8",
    };
    const others = { GITHUB_TOKEN: "9", MAX_TOKENS: "10", PATH: "/bin", OPENAI_MAX_TOKENS: "11", SSH_KEY: "12" };
    expect(foreignKeys({ ...left, ...others })).toEqual(Object.keys(left));
  });

  it("leaves nothing of the budget's server with the program, and its key under no name", () => {
    const left = { PATH: "/bin", OPENAI_API_KEY: "sk-1" };
    const server = { CYCLES_API_KEY: "cyc_1", CYCLES_BASE_URL: "http://host", CYCLES_AGENT: "writer", MINE: "cyc_1" };
    expect(withoutServer({ ...left, ...server })).toEqual(left);
    expect(withoutServer(left)).toEqual(left);
  });

  it("lets the program say neither who spends nor that a request is of another method", async () => {
    const { child, sent, budget } = await open();
    const authorization = `Bearer ${child["OPENAI_API_KEY"]}`;
    const headers = {
      authorization,
      "imprest-agent": "critic",
      "imprest-reservation": "0",
      "x-http-method-override": "POST",
      "x-method-override": "POST",
    };
    expect((await post(`${child["OPENAI_BASE_URL"]}/chat/completions`, chat, headers)).status).toBe(200);
    const address = `${child["OPENAI_BASE_URL"]}/chat/completions?_method=POST`;
    await fetch(address, { headers });
    expect(sent.map(({ url }) => url)).toEqual(Array(2).fill("https://api.openai.com/v1/chat/completions"));
    const given = sent.flatMap(({ headers: left }) => [...left.keys()]);
    expect(given.filter((name) => /imprest|override/.test(name))).toEqual([]);
    await budget.flush();
    expect(await budget.balance()).toMatchObject({ reserved: usd(0) });
  });

  it("shows the program tokens, and no proxy on the way to the gateway", async () => {
    const { child } = await open({ ...keys, NO_PROXY: "intern.example" });
    expect(JSON.stringify(child)).not.toContain("real-");
    expect(child["NO_PROXY"]).toBe("intern.example,127.0.0.1,localhost,::1");
    expect(child["no_proxy"]).toBe(child["NO_PROXY"]);
  });

  const kinds = [
    ["authorization", (token: string) => ({ authorization: `Bearer ${token}` }), ""],
    ["x-api-key", (token: string) => ({ "x-api-key": token }), ""],
    ["api-key", (token: string) => ({ "api-key": token }), ""],
    ["x-goog-api-key", (token: string) => ({ "x-goog-api-key": token }), ""],
    ["?key=", () => ({}), "?key="],
  ] as const;
  it.each(kinds)(
    "puts the key where the program had its token, %s, and takes every other credential off",
    async (kind, headersOf, query) => {
      const { child, sent } = await open();
      const token = child["OPENAI_API_KEY"] ?? "";
      const others = { cookie: "session=1", "proxy-authorization": "Basic x" };
      const url = `${child["OPENAI_BASE_URL"]}/chat/completions${query === "" ? "?key=stray" : query + token}`;
      expect((await post(url, chat, { ...others, ...headersOf(token) })).status).toBe(200);
      const [{ url: address = "", headers = new Headers() } = {}] = sent;
      const placed = [...headers].filter(([, value]) => value.includes("real-openai")).map(([name]) => name);
      expect(placed).toEqual(query === "" ? [kind] : []);
      expect(new URL(address).searchParams.get("key")).toBe(query === "" ? null : "real-openai");
      expect(["cookie", "proxy-authorization"].filter((name) => headers.has(name))).toEqual([]);
      expect(JSON.stringify([address, [...headers]])).not.toContain("sk-imprest-");
    },
  );

  it("sends a key to its provider's upstream alone, whatever a request says", async () => {
    const environment = {
      ...keys,
      AZURE_OPENAI_API_KEY: "real-azure",
      AZURE_OPENAI_ENDPOINT: "https://azure.example/",
    };
    const origins = {
      openai: "https://api.openai.com",
      anthropic: "https://api.anthropic.com",
      google: "https://generativelanguage.googleapis.com",
      azure: "https://azure.example",
    };
    const routes = routesOf(environment, false);
    const sent: Sent[] = [];
    let passed = 0;
    const record: typeof fetch = async (input, init) => {
      passed += 1;
      sent.push({ url: new Request(input).url, headers: new Headers(init?.headers) });
      return new Response("{}");
    };
    const handle = createGateway({ routes, fetch: record, hosts: () => ["127.0.0.1:1"] });
    const word = fc.constantFrom(
      "v1",
      "models",
      "..",
      "%2e%2e",
      "",
      "@evil.example",
      "\\evil.example",
      "evil.example:443",
      "https:",
      "?key=x",
      "#",
      "%00",
      "v1beta",
    );
    const header = fc.constantFrom(
      "x-forwarded-host",
      "forwarded",
      "x-original-url",
      "x-rewrite-url",
      "referer",
      "proxy-connection",
      "x-http-method-override",
    );
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom("openai", "anthropic", "google", "azure", "evil"),
        fc.array(word, { maxLength: 6 }),
        fc.array(header, { maxLength: 3 }),
        fc.constantFrom(...routes.flatMap(({ shown }) => Object.entries(shown))),
        async (name, path, named, [variable, token]) => {
          sent.length = 0;
          const headers = new Headers({ host: "127.0.0.1:1", authorization: `Bearer ${token}` });
          for (const one of named) headers.set(one, "evil.example");
          const answer = await handle(new Request(`http://gateway.invalid/${[name, ...path].join("/")}`, { headers }));
          for (const { url, headers: given } of sent) {
            const provider = Object.entries(origins).find(([, origin]) => new URL(url).origin === origin)?.[0];
            expect(provider).toBe(name);
            expect(given.get("authorization")).toBe(`Bearer ${environment[variable as keyof typeof environment]}`);
            expect(variable.toLowerCase()).toContain(name === "google" ? "gemini" : name);
          }
          expect([200, 401, 404]).toContain(answer.status);
        },
      ),
      { numRuns: 2_000 },
    );
    expect(passed).toBeGreaterThan(200);
  });

  it("repeats no value of a variable whose address it cannot use", () => {
    expect(() => routesOf({ OPENAI_BASE_URL: "https://user:real-password@host.example/v1" }, false)).toThrow(
      /^OPENAI_BASE_URL holds a password in its address; nothing is sent there\.$/,
    );
    expect(() => routesOf({ OPENAI_BASE_URL: "real-openai" }, false)).toThrow(
      /^OPENAI_BASE_URL holds no http: or https: address\.$/,
    );
  });
});
