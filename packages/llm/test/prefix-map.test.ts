import { ValidationError } from "@imprest/core";
import { type PrefixMap, createPrefixMap, createPriceTable, readUsage } from "@imprest/llm";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type Message, type Tokenizer, byteTokenizer, countPrompt, mergingTokenizer } from "./tokenizers.ts";

/** One dollar for each input token, so that an amount reads as a count; nothing for the output. */
const counting = createPriceTable({ m: { input: "1000000", output: "0" } });
const utf8Length = (text: string): number => new TextEncoder().encode(text).length;
const counted = (tokens: number): unknown => ({ input_tokens: tokens, output_tokens: 1 });

async function boundOf(prefixes: PrefixMap, request: unknown): Promise<number> {
  const prefix = await prefixes.find("host", request);
  return Number(counting.estimateRequest("m", request, { prefix }).amount / 100_000_000n);
}

const system = { role: "system", content: "You are careful." };
const user = (content: unknown): unknown => ({ role: "user", content });
const assistant = (content: string): unknown => ({ role: "assistant", content });
const request = (...messages: readonly unknown[]): Record<string, unknown> => ({ model: "m", messages });

const texts = fc.oneof(
  fc.string({ unit: "grapheme", maxLength: 60 }),
  fc.string({ unit: fc.constantFrom(..."预 算 授 权 在 代 理 行 动".split(" ")), maxLength: 60 }),
  fc.string({ unit: fc.constantFrom("👩‍👩‍👧‍👦", "🏳️‍🌈", "👋"), maxLength: 20 }),
  fc.string({ unit: fc.constantFrom("a", "b", "ab", "aba", " "), maxLength: 80 }),
);
const messages = fc.array(fc.record({ role: fc.constantFrom("user", "assistant", "tool"), content: texts }), {
  minLength: 2,
  maxLength: 8,
});
const tools = fc.array(
  texts.map((description) => ({
    type: "function",
    function: { name: "look", description, parameters: { type: "object", properties: { at: { description } } } },
  })),
  { maxLength: 2 },
);
/** Merges of bytes in any order: a text put behind another may undo merges at its end. */
const merges = fc
  .tuple(
    fc.uniqueArray(
      texts.filter((text) => text.length > 1),
      { maxLength: 20 },
    ),
    fc.integer(),
  )
  .map(([words, seed]) => mergingTokenizer(words, seed));

describe("a request that continues a counted one", () => {
  it.each<readonly [string, fc.Arbitrary<Tokenizer>]>([
    ["a token for each byte", fc.constant(byteTokenizer)],
    ["tokens of merged bytes", merges],
  ])("law: is never bounded below the truth, with %s", async (_name, tokenizers) => {
    await fc.assert(
      fc.asyncProperty(messages, tools, tokenizers, fc.boolean(), async (all, offered, tokenizer, hasMarkers) => {
        const prefixes = createPrefixMap();
        const count = (sent: readonly Message[]): number => countPrompt(tokenizer, sent, offered, hasMarkers);
        for (let turn = 1; turn <= all.length; turn += 1) {
          const sent = { ...request(...all.slice(0, turn)), tools: offered };
          const truth = count(all.slice(0, turn));
          const bound = await boundOf(prefixes, sent);
          expect(bound).toBeGreaterThanOrEqual(truth);
          // Close: what was counted before, and no more than the bytes of the message that is new.
          const added = utf8Length(JSON.stringify(all.slice(turn - 1, turn)));
          if (turn > 1) expect(bound).toBe(count(all.slice(0, turn - 1)) + added + 64);
          await prefixes.remember("host", sent, counted(truth));
        }
      }),
    );
  });

  it("is close from the second turn on, however long the first was", async () => {
    const prefixes = createPrefixMap();
    const first = request(system, user("word ".repeat(60_000)));
    expect(await boundOf(prefixes, first)).toBeGreaterThan(300_000);
    await prefixes.remember("host", first, counted(60_020));
    const second = request(system, user("word ".repeat(60_000)), assistant("Yes."), user("Go on."));
    expect(await boundOf(prefixes, second)).toBeLessThan(60_020 + 200);
  });

  it("is found by its longest counted start, in every branch of a conversation", async () => {
    const prefixes = createPrefixMap();
    const start = [system, user("one")];
    await prefixes.remember("host", request(...start), counted(100));
    await prefixes.remember("host", request(...start, assistant("a"), user("two")), counted(200));
    const left = request(...start, assistant("a"), user("two"), assistant("b"));
    const right = request(...start, assistant("z"), user("two"), assistant("b"));
    expect(await prefixes.find("host", left)).toEqual({ messages: 4, inputTokens: 200 });
    expect(await prefixes.find("host", right)).toEqual({ messages: 2, inputTokens: 100 });
    expect(await prefixes.find("host", request(...start))).toEqual({ messages: 2, inputTokens: 100 });
  });

  it.each([
    ["another host", "elsewhere", request(system, user("one"))],
    ["another model", "host", { ...request(system, user("one")), model: "other" }],
    ["another tool", "host", { ...request(system, user("one")), tools: [{ name: "f", input_schema: {} }] }],
    ["another word", "host", request(system, user("ony"))],
    ["another order", "host", request(user("one"), system)],
    ["other messages merged into one text", "host", request(user('You are careful."},{"role":"user","content":"one'))],
  ])("is not mistaken for one to %s", async (_name, target, other) => {
    const prefixes = createPrefixMap();
    await prefixes.remember("host", request(system, user("one")), counted(100));
    expect(await prefixes.find(target, other)).toBeUndefined();
  });

  it("may limit its answer otherwise, and move the mark of a cache", async () => {
    const prefixes = createPrefixMap();
    const mark = { cache_control: { type: "ephemeral" } };
    const text = (content: string, marked = false): unknown[] => [{ type: "text", text: content, ...(marked && mark) }];
    const first = { ...request(user(text("one", true))), max_tokens: 9, system: text("s", true), stream: true };
    await prefixes.remember("host", first, counted(100));
    const next = { ...request(user("one"), assistant("a"), user(text("b", true))), max_tokens: 50, system: text("s") };
    expect(await prefixes.find("host", next)).toEqual({ messages: 1, inputTokens: 100 });
    const breakpoint = { prompt_cache_breakpoint: { mode: "explicit", ttl: "12h" } };
    const part = { type: "input_text", text: "one" };
    await prefixes.remember("openai", { input: [user([{ ...part, ...breakpoint }])] }, counted(9));
    expect(await prefixes.find("openai", { input: [user([part]), user([{ ...part, ...breakpoint }])] })).toEqual({
      messages: 1,
      inputTokens: 9,
    });
    const point = { cachePoint: { type: "default" } };
    await prefixes.remember("bedrock", request(user([{ text: "one" }, point])), counted(7));
    expect(await prefixes.find("bedrock", request(user([{ text: "one" }]), user([{ text: "b" }, point])))).toEqual({
      messages: 1,
      inputTokens: 7,
    });
  });

  it.each([
    ["OpenAI responses", (list: unknown) => ({ model: "m", input: list, instructions: "s" })],
    ["Gemini", (list: unknown) => ({ contents: list, systemInstruction: { parts: [{ text: "s" }] } })],
    ["Anthropic", (list: unknown) => ({ model: "m", messages: list, system: "s" })],
  ])("is found on the wire of %s, as an object and as its JSON", async (_name, body) => {
    const prefixes = createPrefixMap();
    await prefixes.remember("host", JSON.stringify(body([user("one")])), counted(100));
    expect(await prefixes.find("host", body([user("one"), user("two")]))).toEqual({ messages: 1, inputTokens: 100 });
  });

  it("leaves the number of a tool's argument alone that has the name of a mark", async () => {
    const prefixes = createPrefixMap();
    const use = (input: unknown): unknown => ({ role: "assistant", content: [{ type: "tool_use", name: "f", input }] });
    await prefixes.remember("host", request(use({})), counted(100));
    expect(await prefixes.find("host", request(use({ cache_control: "x".repeat(9_000) })))).toBeUndefined();
  });
});

describe("what is remembered", () => {
  const image = { type: "image_url", image_url: { url: "data:image/png;base64,AAAA" } };
  const linked = { type: "image_url", image_url: { url: "https://x.test/a.png" } };

  it("holds media whose bytes stand in the request, so that only new ones need a bound", async () => {
    const prefixes = createPrefixMap();
    const held = [
      image,
      { type: "image", source: { type: "base64", media_type: "image/png", data: "AAAA" } },
      { type: "input_audio", input_audio: { data: "AAAA", format: "wav" } },
      { inlineData: { mimeType: "image/png", data: "AAAA" } },
    ];
    const first = { ...request(user(held)), max_tokens: 0 };
    await prefixes.remember("host", first, counted(5_000));
    const next = { ...request(user(held), assistant("seen")), max_tokens: 0 };
    expect(await boundOf(prefixes, next)).toBeLessThan(5_200);
    const more = { ...request(user(held), user([image])), max_tokens: 0 };
    await expect(boundOf(prefixes, more)).rejects.toThrow("/request/messages/1/content/0");
  });

  it.each([
    ["an image at an address", request(user([linked]))],
    ["a file that the provider keeps", request(user([{ type: "file", file: { file_id: "file-1" } }]))],
    ["an image whose source is an address", request(user([{ type: "image", source: { type: "url", url: "x" } }]))],
    ["an earlier response", { model: "m", input: [user("one")], previous_response_id: "resp_1" }],
    ["a prompt that the provider cuts", { ...request(user("one")), truncation: "auto" }],
    ["a prompt that the provider edits", { ...request(user("one")), context_management: { edits: [] } }],
    ["models to choose from", { ...request(user("one")), models: ["a", "b"] }],
    ["a search at the provider", { ...request(user("one")), tools: [{ type: "web_search_20250305", name: "w" }] }],
    [
      "a tool that is loaded later",
      { ...request(user("one")), tools: [{ name: "f", input_schema: {}, defer_loading: true }] },
    ],
  ])("is no request with %s", async (_name, sent) => {
    const prefixes = createPrefixMap();
    await prefixes.remember("host", sent, counted(100));
    expect(await prefixes.find("host", sent)).toBeUndefined();
  });

  it("is no sum of several requests, and no count of nothing", async () => {
    const prefixes = createPrefixMap();
    const compacted = {
      input_tokens: 10,
      output_tokens: 1,
      iterations: [{ type: "compaction", input_tokens: 90_000, output_tokens: 500 }],
    };
    for (const usage of [compacted, counted(0)]) await prefixes.remember("host", request(user("one")), usage);
    expect(await prefixes.find("host", request(user("one")))).toBeUndefined();
  });

  it("is nothing where the usage cannot be read", async () => {
    const prefixes = createPrefixMap();
    for (const usage of [undefined, { input_tokens: 9, smell: 3 }]) {
      await expect(prefixes.remember("host", request(user("one")), usage)).rejects.toThrow(ValidationError);
    }
    expect(await prefixes.find("host", request(user("one")))).toBeUndefined();
  });

  it("is the greater of two counts of one prompt", async () => {
    const prefixes = createPrefixMap();
    for (const count of [90, 100, 80]) await prefixes.remember("host", request(user("one")), counted(count));
    expect(await prefixes.find("host", request(user("one")))).toEqual({ messages: 1, inputTokens: 100 });
  });

  it("counts every class of the cache", async () => {
    const prefixes = createPrefixMap();
    const usage = { input_tokens: 5, output_tokens: 1, cache_read_input_tokens: 70, cache_creation_input_tokens: 25 };
    for (const [text, stated] of [
      ["one", usage],
      ["two", readUsage(usage)],
    ] as const) {
      await prefixes.remember("host", request(user(text)), stated);
      expect(await prefixes.find("host", request(user(text)))).toEqual({ messages: 1, inputTokens: 100 });
    }
  });

  it("is bounded: the request that was not asked for the longest is forgotten first", async () => {
    const prefixes = createPrefixMap({ entries: 2 });
    const [first, second, third] = ["one", "two", "three"].map((text) => request(user(text)));
    await prefixes.remember("host", first, counted(1));
    await prefixes.remember("host", second, counted(2));
    await prefixes.find("host", first);
    await prefixes.remember("host", third, counted(3));
    expect(await prefixes.find("host", first)).toBeDefined();
    expect(await prefixes.find("host", second)).toBeUndefined();
    expect(() => createPrefixMap({ entries: 0 })).toThrow("entries");
  });
});
