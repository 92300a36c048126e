import { createHash } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { type Server, createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { usd } from "@imprest/core";
import { type ModelPrices, createPriceTable } from "@imprest/llm";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { type FakeOptions, type Ran, imprest } from "./support.ts";

// Files in the form of the public ones, with invented models and prices.

const litellm = {
  "gpt-test": {
    litellm_provider: "openai",
    mode: "chat",
    input_cost_per_token: 1.25e-6,
    output_cost_per_token: 1e-5,
    input_cost_per_token_above_200k_tokens: 2.5e-6,
    search_context_cost_per_query: { search_context_size_medium: 0.01 },
  },
  "claude-test-20260929": { mode: "chat", input_cost_per_token: 3e-6, output_cost_per_token: 1.5e-5 },
  "test-latest": { alias_of: "claude-test-20260929" },
  "speech-test": { mode: "audio_speech", input_cost_per_character: 1.5e-5 },
};
const modelsDev = { acme: { id: "acme", models: { large: { id: "large", cost: { input: 1, output: 2 } } } } };
const genai = [{ id: "acme", models: [{ id: "small", prices: { input_mtok: 0.5, output_mtok: 1 } }] }];

const text = JSON.stringify(litellm);
const files = {
  "litellm.json": text,
  "models-dev.json": JSON.stringify(modelsDev),
  "genai.json": JSON.stringify(genai),
};
const source = {
  format: "litellm",
  from: "litellm.json",
  date: "2026-11-28",
  sha256: createHash("sha256").update(text).digest("hex"),
};

const prices = (args: readonly string[], options: FakeOptions = {}): Promise<Ran> =>
  imprest(["prices", ...args, "--date", "2026-11-28"], { ...options, files: { ...files, ...options.files } });

/** What a pull has written. */
async function pulled(...args: readonly string[]): Promise<Readonly<Record<string, ModelPrices>>> {
  const { code, made, err } = await prices(["pull", ...args]);
  expect(code, err).toBe(0);
  return JSON.parse(made["prices.json"] ?? "") as Record<string, ModelPrices>;
}

describe("imprest prices pull", () => {
  it("writes the models that are named, each with where its prices come from", async () => {
    const { code, made, err } = await prices(["pull", "gpt-test", "claude-test", "--from", "litellm.json"]);
    expect(JSON.parse(made["prices.json"] ?? "")).toEqual({
      "gpt-test": {
        input: "1.25",
        output: "10",
        above: [{ promptTokens: 200_000, input: "2.5" }],
        per: { searchContextMedium: "0.01", webSearch: "0.01" },
        source: { ...source, row: "gpt-test" },
      },
      "claude-test": { input: "3", output: "15", source: { ...source, row: "claude-test-20260929" } },
    });
    expect(err).toContain("gpt-test: new\n");
    expect(err).toContain("claude-test (there claude-test-20260929): new\n");
    expect(code).toBe(0);
  });

  it("writes what createPriceTable takes as it is imported", async () => {
    const folder = mkdtempSync(join(tmpdir(), "imprest-prices-"));
    try {
      const { made } = await prices(["pull", "gpt-test", "--from", "litellm.json"]);
      const path = join(folder, "prices.json");
      writeFileSync(path, made["prices.json"] ?? "");
      const module = (await import(path, { with: { type: "json" } })) as { default: Record<string, ModelPrices> };
      const table = createPriceTable(module.default);
      const usage = { prompt_tokens: 1_000, completion_tokens: 100, total_tokens: 1_100 };
      expect(table.price("gpt-test", usage)).toEqual(usd("0.00225"));
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it.each([
    ["litellm.json", "test-latest", "3"],
    ["litellm.json", "mine=gpt-test", "1.25"],
    ["models-dev.json", "acme/large", "1"],
    ["models-dev.json", "large", "1"],
    ["genai.json", "small=acme/small", "0.5"],
  ])("finds a model of %s by the name %s", async (from, name, input) => {
    const [entry] = Object.entries(await pulled(name, "--from", from));
    expect(entry?.[0]).toBe(name.replace(/=.*/, ""));
    expect(entry?.[1].input).toBe(input);
  });

  it("leaves the other entries of the file as they are, and says what an entry was before", async () => {
    const before = { own: { input: "7" }, "gpt-test": { input: "1.00", output: "10", cachedInput: "0.5" } };
    const options = { files: { "prices.json": JSON.stringify(before) } };
    const { made, err } = await prices(["pull", "gpt-test", "--from", "litellm.json"], options);
    const after = JSON.parse(made["prices.json"] ?? "") as Record<string, ModelPrices>;
    expect(Object.keys(after)).toEqual(["own", "gpt-test"]);
    expect(after["own"]).toEqual({ input: "7" });
    expect(err).toContain("gpt-test: input 1.00 → 1.25, cachedInput 0.5 → (none), above 200000 input (none) → 2.5");
  });

  it("names a model that is refused and why, writes the others, and exits with 1", async () => {
    const named = ["gpt-test", "speech-test", "absent-test"];
    const { code, made, err } = await prices(["pull", ...named, "--from", "litellm.json"]);
    expect(Object.keys(JSON.parse(made["prices.json"] ?? "") as object)).toEqual(["gpt-test"]);
    expect(err).toContain("speech-test: refused, it has no place for input_cost_per_character\n");
    expect(err).toContain("absent-test: refused, it is not in the file\n");
    expect(code).toBe(1);
    // Nothing to write leaves the file alone.
    expect((await prices(["pull", "absent-test", "--from", "litellm.json"])).made).toEqual({});
  });

  it("prints the table for --out -", async () => {
    const { out, made } = await prices(["pull", "gpt-test", "--from", "litellm.json", "--out", "-"]);
    expect(Object.keys(JSON.parse(out) as object)).toEqual(["gpt-test"]);
    expect(made).toEqual({});
  });

  it("reads standard input, and no more of it than a price file can have", async () => {
    const given = await prices(["pull", "gpt-test", "--from", "-"], { files: { "-": text } });
    expect(Object.keys(JSON.parse(given.made["prices.json"] ?? "") as object)).toEqual(["gpt-test"]);
    async function* endless(): AsyncGenerator<Uint8Array> {
      for (;;) yield new Uint8Array(1024 * 1024).fill(32);
    }
    const { code, err, made } = await prices(["pull", "gpt-test", "--from", "-"], { files: { "-": endless() } });
    expect(err).toContain("more than 33554432 bytes");
    expect(code).toBe(2);
    expect(made).toEqual({});
  });

  it.each([
    [["pull"], "Name the models"],
    [["pull", "=gpt"], "neither MODEL nor NAME=MODEL"],
    [["pull", "gpt-test", "--from", "absent.json"], "ENOENT"],
    [["pull", "gpt-test", "--from", "http://prices.example.com/a.json"], "is no https: address"],
    [["pull", "gpt-test", "--from", "ftp://prices.example.com/a.json"], "is no https: address"],
    [["pull", "gpt-test", "--from", "https://me:secret@prices.example.com/a.json"], "holds a password"],
    [["push"], "Say what to do: pull, check"],
    [["pull", "gpt-test", "--date", "soon"], "--date is a day"],
  ])("cannot use %s", async (args, message) => {
    const { code, err, made } = await imprest(["prices", ...args], { files });
    expect(err).toContain(message);
    expect(err).not.toContain("secret");
    expect(code).toBe(2);
    expect(made).toEqual({});
  });

  it.each([
    ["a list", "[]"],
    ["text", "not json"],
    ["a table with a misspelt price", '{"gpt-test":{"inptu":"1"}}'],
  ])("does not replace a file that is no price table: %s", async (_name, existing) => {
    const options = { files: { "prices.json": existing } };
    const { code, made } = await prices(["pull", "gpt-test", "--from", "litellm.json"], options);
    expect(code).toBe(2);
    expect(made).toEqual({});
  });
});

describe("imprest prices pull from a server", () => {
  let server: Server;
  let origin = "";
  const asked: string[] = [];
  const sockets = { open: 0 };

  beforeAll(async () => {
    server = createServer((request, response) => {
      asked.push(request.url ?? "");
      sockets.open += 1;
      response.on("close", () => (sockets.open -= 1));
      if (request.url === "/prices.json") return response.end(text);
      if (request.url === "/moved.json") return response.writeHead(302, { location: "https://elsewhere.test/a" }).end();
      if (request.url === "/endless.json") {
        const more = (): void => {
          while (!response.destroyed && response.write(" ".repeat(1024 * 1024)));
          if (!response.destroyed) response.once("drain", more);
        };
        return more();
      }
      if (request.url === "/silent.json") return undefined;
      return response.writeHead(404).end("no");
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  afterAll(() => {
    server.closeAllConnections();
    server.close();
  });

  it("asks once, and keeps the address and the hash of what came", async () => {
    asked.length = 0;
    const table = await pulled("gpt-test", "claude-test", "--from", `${origin}/prices.json`);
    expect(asked).toEqual(["/prices.json"]);
    expect(table["gpt-test"]?.source).toEqual({ ...source, row: "gpt-test", from: `${origin}/prices.json` });
  });

  it.each([
    ["/moved.json", "https://elsewhere.test/a. Give that address with --from"],
    ["/absent.json", "it answered with status 404"],
    ["/endless.json", "larger than 33554432 bytes"],
  ])("takes nothing from %s", async (path, message) => {
    const { code, err, made } = await prices(["pull", "gpt-test", "--from", `${origin}${path}`]);
    expect(err).toContain(message);
    expect(code).toBe(2);
    expect(made).toEqual({});
    await expect.poll(() => sockets.open).toBe(0);
  });

  it("stops when the user asks to", async () => {
    const stopping = new AbortController();
    const running = prices(["pull", "gpt-test", "--from", `${origin}/silent.json`], { signal: stopping.signal });
    await expect.poll(() => asked.at(-1)).toBe("/silent.json");
    stopping.abort(new Error("enough"));
    expect((await running).code).toBe(2);
    await expect.poll(() => sockets.open).toBe(0);
  });

  it("asks LiteLLM's file where no other is named", async () => {
    const fetched = vi.fn<typeof fetch>(async () => new Response(text));
    vi.stubGlobal("fetch", fetched);
    try {
      await pulled("gpt-test");
    } finally {
      vi.unstubAllGlobals();
    }
    const file = "https://raw.githubusercontent.com/BerriAI/litellm/main/model_prices_and_context_window.json";
    expect(fetched.mock.calls.map(([input]) => input)).toEqual([file]);
  });

  it("says that no server answers", async () => {
    const { code, err } = await prices(["pull", "gpt-test", "--from", "http://127.0.0.1:1/prices.json"]);
    expect(err).toContain("127.0.0.1:1");
    expect(code).toBe(2);
  });
});

describe("imprest prices check", () => {
  const newer = {
    ...litellm,
    "gpt-test": { ...litellm["gpt-test"], input_cost_per_token: 1e-6, cache_read_input_token_cost: 1e-7 },
  };
  const check = async (args: readonly string[], now: object = litellm, own: object = {}): Promise<Ran> => {
    const table = { ...(await pulled("gpt-test", "claude-test", "--from", "litellm.json")), ...own };
    const made = { "prices.json": JSON.stringify(table), "litellm.json": JSON.stringify(now) };
    return prices(["check", ...args], { files: { ...made, "newer.json": JSON.stringify(newer) } });
  };

  it("is clean where every entry still is what its file says", async () => {
    const { code, out, err } = await check([]);
    expect(out).toBe("");
    expect(err).toBe("0 of 2 models differ.\n");
    expect(code).toBe(0);
  });

  it("prints a line for each model that differs, and exits with 1", async () => {
    const { code, out, err } = await check([], newer);
    expect(out).toBe("gpt-test: input 1.25 → 1, cachedInput (none) → 0.1\n");
    expect(err).toBe("1 of 2 models differ.\n");
    expect(code).toBe(1);
  });

  it("compares with another file where one is named", async () => {
    expect((await check(["--from", "newer.json"])).out).toContain("input 1.25 → 1");
  });

  it("names a model that the file has no more", async () => {
    const { "gpt-test": _gone, ...rest } = litellm;
    const { code, out } = await check([], rest);
    expect(out).toBe("gpt-test: is not in the file\n");
    expect(code).toBe(1);
  });

  it("leaves an entry without a source alone: it is the user's own", async () => {
    const { code, err } = await check([], litellm, { "gpt-test": { input: "9" } });
    expect(err).toBe("0 of 1 models differ; 1 of your own.\n");
    expect(code).toBe(0);
  });

  it("cannot use a file that is not there", async () => {
    const { code, err } = await prices(["check", "absent.json"]);
    expect(err).toContain("ENOENT");
    expect(code).toBe(2);
  });
});
