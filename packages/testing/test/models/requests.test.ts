import { type ModelProvider, createModelProvider } from "@imprest/testing/models";
import { expect, it } from "vitest";
import { post } from "./sse.ts";

const prices = {
  model: { input: "1", output: "1" },
  pictures: { input: "1", imageOutput: "1" },
  vectors: { input: "1" },
};

async function ask(provider: ModelProvider, path: string, init: RequestInit) {
  const response = await provider.fetch(`https://host${path}`, init);
  return { status: response.status, url: response.url, body: (await response.json()) as unknown };
}

it("what providers do for nothing is answered, charged nothing, and no call", async () => {
  const provider = createModelProvider({ prices });
  const contents = [{ parts: [{ text: "Hi" }] }];
  expect(await ask(provider, "/v1/models", {})).toMatchObject({ body: { data: [{ id: "model" }, {}, {}] } });
  const counted = await ask(provider, "/v1/messages/count_tokens", post({ model: "model", messages: contents }));
  expect(counted).toMatchObject({ body: { input_tokens: 7 } });
  const gemini = await ask(provider, "/v1beta/models/model:countTokens", post({ contents }));
  expect(gemini).toMatchObject({ body: { totalTokens: 7 } });
  expect(provider).toMatchObject({ bill: { amount: 0n }, calls: [] });
});

it("a model that is not served, and a body that cannot be read, are refused as the provider refuses them", async () => {
  const provider = createModelProvider({ prices });
  const message = { role: "user", content: "Hi" };
  const unknown = await ask(provider, "/v1/chat/completions", post({ model: "other", messages: [message] }));
  expect(unknown).toMatchObject({
    status: 404,
    body: { error: { message: '"other" is none of the provider\'s models.' } },
  });
  const unlimited = await ask(provider, "/v1/messages", post({ model: "model", messages: [message] }));
  expect(unlimited).toMatchObject({ status: 400, body: { type: "error", error: { type: "invalid_request_error" } } });
  const broken = await ask(provider, "/v1beta/models/model:generateContent", { method: "POST", body: "{" });
  expect(broken).toMatchObject({ status: 400, body: { error: { code: 400, status: "INVALID_ARGUMENT" } } });
  expect(provider.calls.map(({ state, model }) => [state, model])).toEqual([
    ["refused", "other"],
    ["refused", ""],
    ["refused", ""],
  ]);
  const elsewhere = await provider.fetch("https://host/v1/fine_tuning/jobs", { method: "POST", body: "{}" });
  expect(elsewhere.status).toBe(404);
});

it("the model of an Azure deployment is in the path, and an answer knows its own address", async () => {
  const provider = createModelProvider({ prices });
  const path = "/openai/deployments/model/chat/completions?api-version=1";
  const answer = await ask(provider, path, post({ messages: [{ role: "user", content: "Hi" }] }));
  expect(answer).toMatchObject({ status: 200, url: `https://host${path}`, body: { model: "model" } });
});

it("an edit of a picture comes as a form", async () => {
  const provider = createModelProvider({ prices });
  const body = new FormData();
  body.set("model", "pictures");
  body.set("prompt", "A cat.");
  body.set("n", "2");
  body.set("image", new Blob(["png"]));
  const answer = await ask(provider, "/v1/images/edits", { method: "POST", body });
  expect(answer).toMatchObject({ body: { data: [{}, {}], usage: { output_tokens: 2_112 } } });
  expect(provider.calls[0]?.body).toEqual({ model: "pictures", prompt: "A cat.", n: "2" });
});

it("an embedding comes as numbers or in base64, one for each input", async () => {
  const provider = createModelProvider({ prices });
  const embed = (body: object) => ask(provider, "/v1/embeddings", post({ model: "vectors", dimensions: 2, ...body }));
  expect(await embed({ input: ["a", "b"] })).toMatchObject({ body: { data: [{ embedding: [1, 0] }, { index: 1 }] } });
  const { body } = await embed({ input: "a", encoding_format: "base64" });
  const [{ embedding }] = (body as { data: [{ embedding: string }] }).data;
  expect([...new Float32Array(Uint8Array.from(Buffer.from(embedding, "base64")).buffer)]).toEqual([1, 0]);
  const content = { parts: [{ text: "Hi" }] };
  const gemini = await ask(provider, "/v1beta/models/vectors:embedContent", post({ content }));
  expect(gemini).toMatchObject({ body: { embedding: { values: [1, 0, 0, 0, 0, 0, 0, 0] } } });
});

it("Gemini streams one array of JSON where no events are asked for", async () => {
  const provider = createModelProvider({ prices });
  const body = { contents: [{ parts: [{ text: "Hi" }] }] };
  const answer = await ask(provider, "/v1beta/models/model:streamGenerateContent", post(body));
  const chunks = answer.body as { usageMetadata: { totalTokenCount: number } }[];
  expect(chunks.length).toBeGreaterThan(2);
  expect(BigInt(chunks.at(-1)?.usageMetadata.totalTokenCount ?? 0) * 100n).toBe(provider.bill.amount);
});
