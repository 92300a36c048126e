import { guardX402Mcp } from "@imprest/ap2/x402/mcp";
import type { X402Payload } from "@imprest/ap2/x402";
import { describe, expect, it } from "vitest";
import { breaks, cent, decode, failureOf, openBuyer } from "./support.ts";

// x402's transport for MCP: asked in a tool's result, paid in `_meta`.

interface Call {
  readonly name: string;
  readonly arguments?: Readonly<Record<string, unknown>>;
  readonly _meta?: Readonly<Record<string, unknown>>;
}

type Asks = "object" | "text" | "error";

interface Server {
  readonly version?: number;
  readonly asks?: Asks;
  readonly name?: string;
}

async function open({ version = 2, asks = "object", name = "x402/payment" }: Server = {}) {
  const buyer = await openBuyer();
  const { seller } = buyer;
  seller.version = version;
  const ask = (meta?: object): object => {
    const { required } = seller;
    if (asks === "error") throw Object.assign(new Error("pay"), { code: 402, data: required });
    const content = [{ type: "text", text: asks === "text" ? JSON.stringify(required) : "pay" }];
    return { isError: true, content, ...(asks === "object" && { structuredContent: required }), _meta: meta };
  };
  const callTool = async (call: Call): Promise<object> => {
    const paid = call._meta?.[name];
    if (paid === undefined) return ask();
    const { status, settlement } = seller.take((typeof paid === "string" ? decode(paid) : paid) as X402Payload);
    const meta = settlement && { [`${name}-response`]: settlement };
    if (status === "ask") return ask(meta);
    return { isError: status === "error", content: [{ type: "text", text: "sunny" }], _meta: meta };
  };
  const options = { ...buyer.options, seller: "https://mcp.example" };
  return { ...buyer, call: guardX402Mcp(callTool, buyer.client, buyer.budget, options) };
}

describe.each([1, 2])("version %i", (version) => {
  it.each<Asks>(["object", "text", "error"])(
    "pays a server that asks by its %s, until the budget is used up",
    async (asks) => {
      const { call, chain, books } = await open({ version, asks });
      const outcomes: unknown[] = [];
      for (let n = 0; n < 6; n += 1) outcomes.push(await failureOf(call({ name: "weather", arguments: { n } })));
      expect(outcomes.slice(0, 5)).toMatchObject(Array.from({ length: 5 }, () => ({ content: [{ text: "sunny" }] })));
      expect(outcomes[5]).toMatchObject({ reasonCode: "BUDGET_EXCEEDED" });
      expect(chain.settled.size).toBe(5);
      expect(await books()).toEqual({ spent: 5n * cent, reserved: 0n });
    },
  );

  it.each(breaks)("books what was settled when the server breaks at %s, once the chain says so", async (where) => {
    const { call, seller, chain, books, recoverAll } = await open({ version });
    seller.breaks = where;
    await failureOf(call({ name: "weather" }));
    await recoverAll();
    chain.passValidity();
    await recoverAll();
    expect(await books()).toEqual({ spent: chain.total, reserved: 0n });
  });
});

it("pays servers of the package x402-mcp, which read the header's text under another name", async () => {
  const { call, books } = await open({ version: 1, name: "x402.payment" });
  await call({ name: "weather" });
  expect(await books()).toEqual({ spent: cent, reserved: 0n });
});

it("a call that is aborted before it is paid leaves nothing held", async () => {
  const { client, budget, options, chain, books, seller } = await openBuyer();
  const abort = new AbortController();
  const callTool = (_call: Call, _schema: undefined, _options: { signal: AbortSignal }): Promise<object> => {
    abort.abort();
    return Promise.resolve({ isError: true, content: [], structuredContent: seller.required });
  };
  const call = guardX402Mcp(callTool, client, budget, { ...options, seller: "https://mcp.example" });
  const aborted = call({ name: "weather" }, undefined, { signal: abort.signal });
  await expect(aborted).rejects.toMatchObject({ code: "ERR_ABORTED" });
  expect(chain.settled.size).toBe(0);
  expect(await books()).toEqual({ spent: 0n, reserved: 0n });
});

it("the same call is one purchase, whatever the order of its arguments", async () => {
  const { call, chain } = await open();
  await call({ name: "weather", arguments: { city: "Oslo", at: { day: 1, hour: 2 } } });
  expect(
    await failureOf(call({ name: "weather", arguments: { at: { hour: 2, day: 1 }, city: "Oslo" } })),
  ).toMatchObject({
    code: "ERR_AP2_ALREADY_CONSUMED",
  });
  await call({ name: "weather", arguments: { city: "Oslo", at: { day: 2, hour: 1 } } });
  expect(chain.settled.size).toBe(2);
});

it("other results and errors are handed on, with what else the caller gave", async () => {
  const { client, budget, options } = await openBuyer();
  const seen: unknown[] = [];
  const failure = new Error("no such tool");
  const callTool = guardX402Mcp(
    async (call: Call, schema: string, how: object) => {
      seen.push([call, schema, how]);
      if (call.name === "none") throw failure;
      return { isError: true, content: [{ type: "text", text: "not json" }] };
    },
    client,
    budget,
    { ...options, seller: "https://mcp.example" },
  );
  const call = { name: "free", _meta: { progressToken: 1 } };
  expect(await callTool(call, "schema", { timeout: 1 })).toMatchObject({ isError: true });
  await expect(callTool({ name: "none" }, "schema", {})).rejects.toBe(failure);
  expect(seen[0]).toEqual([call, "schema", { timeout: 1 }]);
});
