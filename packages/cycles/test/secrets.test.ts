import { inspect } from "node:util";
import { expect, it } from "vitest";
import { ConfigurationError, ImprestError, usd } from "@imprest/core";
import { CyclesAuthority, CyclesClient, fromEnv } from "@imprest/cycles";
import { refusal, startStub } from "./support/stub-authority.ts";

const apiKey = "cyc_live_SECRET0123456789";
const everything = (value: unknown): string =>
  [inspect(value, { depth: 20, showHidden: true, getters: true }), JSON.stringify(value), String(value)].join("\n");

it("the API key shows in no inspect, JSON or text of client, connection, options, authority", async () => {
  const client = new CyclesClient({ baseUrl: "https://cycles.example", apiKey });
  const authority = new CyclesAuthority(client);
  for (const value of [client, client.connection, client.connection.options, authority, { nested: [authority] }]) {
    expect(everything(value)).not.toContain("SECRET");
  }
  expect(everything(client)).toContain("[redacted]");
  const options = fromEnv({}, { CYCLES_BASE_URL: "https://cycles.example", CYCLES_API_KEY: apiKey });
  expect(everything(options)).not.toContain("SECRET");
  const stub = await startStub(() => ({ body: { balances: [] } }));
  await new CyclesClient({ ...options, baseUrl: stub.url }).getBalances({ tenant: "acme" }).first();
  expect(stub.received[0]?.headers["x-cycles-api-key"]).toBe(apiKey);
});

it("no error shows it, not even when the server repeats it", async () => {
  const answers = [
    refusal(401, "UNAUTHORIZED", { message: `Bad key ${apiKey}`, details: { key: apiKey } }),
    { status: 502, text: `<pre>x-cycles-api-key: ${apiKey}</pre>` },
    { status: 200, text: `{"key": "${apiKey}"` },
    { status: 200, body: { decision: apiKey } },
  ];
  const stub = await startStub((_request, count) => answers[count - 1] ?? ((response) => response.destroy()));
  const client = new CyclesClient({ baseUrl: stub.url, apiKey });
  for (let count = 0; count <= answers.length; count += 1) {
    const error: unknown = await client.releaseReservation("rsv_1").catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(Error);
    expect(everything(error)).not.toContain("SECRET");
  }
});

it.each<[string, (key: string) => string]>([
  ["with JSON escapes", (key) => key.replaceAll("/", "\\/").replaceAll("=", "\\u003d")],
  ["percent-encoded", encodeURIComponent],
])("no error shows a key that the server repeats %s, in the body or in an id", async (_how, write) => {
  const key = "SECRET/5678901234=";
  const said = write(key);
  const seen = [key, encodeURIComponent(key), said];
  const header = { "x-request-id": `req ${key}`, "x-cycles-trace-id": encodeURIComponent(key) };
  const answers = [
    {
      status: 401,
      body: `{"error":"UNAUTHORIZED","message":"bad ${said}","request_id":"r","details":{"k":["${said}"]}}`,
    },
    { status: 409, body: `{"error":"${said}","message":"m","request_id":"${said}","trace_id":"${said}"}` },
    { status: 200, body: `{"decision":"${said}","reason_code":"${said}","affected_scopes":["tenant:acme"]}` },
  ];
  for (const answer of answers) {
    for (const headers of [{}, header]) {
      const client = new CyclesClient({
        baseUrl: "https://cycles.example",
        apiKey: key,
        subject: { tenant: "acme" },
        transport: () => Promise.resolve({ ...answer, headers }),
      });
      const asked = { estimate: usd("0.01"), action: { kind: "k" } };
      const reserving = new CyclesAuthority(client).reserve(asked, { idempotencyKey: "i" });
      const error: unknown = await reserving.catch((thrown: unknown) => thrown);
      expect(error).toBeInstanceOf(ImprestError);
      for (const writing of seen) expect(everything(error)).not.toContain(writing);
      expect(everything(error)).toContain("[redacted]");
    }
  }
});

it("a provider is asked for every request, so that a rotated key is used at once", async () => {
  const stub = await startStub(() => ({ body: { balances: [] } }));
  let keys = 0;
  const client = new CyclesClient({ baseUrl: stub.url, apiKey: async () => `key-${(keys += 1)}-SECRET` });
  await client.getBalances({ tenant: "acme" }).first();
  await client.getBalances({ tenant: "acme" }).first();
  expect(stub.received.map(({ headers }) => headers["x-cycles-api-key"])).toEqual(["key-1-SECRET", "key-2-SECRET"]);
  expect(everything(client)).not.toContain("SECRET");
});

it.each([
  ["throws", () => Promise.reject(new Error("vault is sealed"))],
  ["gives nothing", () => ""],
  ["gives a header of its own", () => "k\r\nx-admin: 1"],
  ["gives no text", () => undefined as unknown as string],
])("a provider that %s is a ConfigurationError, and nothing is sent", async (_what, source) => {
  const stub = await startStub(() => ({ body: { balances: [] } }));
  const client = new CyclesClient({ baseUrl: stub.url, apiKey: source });
  await expect(client.getBalances({ tenant: "acme" }).first()).rejects.toBeInstanceOf(ConfigurationError);
  expect(stub.received).toEqual([]);
});

it("a provider that hangs does not outlast the deadline", async () => {
  const stub = await startStub(() => ({ body: { balances: [] } }));
  const client = new CyclesClient({ baseUrl: stub.url, apiKey: () => new Promise(() => {}), timeoutMs: 30 });
  await expect(client.releaseReservation("rsv_1")).rejects.toMatchObject({ name: "TimeoutError" });
  expect(stub.received).toEqual([]);
});
