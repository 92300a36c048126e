// docs/hosts/fastify.md: a server of Fastify before a model, under a budget.
import { assertServes } from "./over-http.ts";
// #region server
import { Readable } from "node:stream";
import Fastify from "fastify";
import OpenAI from "openai";
import { createBudget, denialResponse } from "imprest";
import { disconnectSignal } from "imprest/node";
import prices from "./prices.json" with { type: "json" };

const budget = createBudget({ limit: "$0.05", prices });
const openai = new OpenAI({ fetch: budget.fetch });
const app = Fastify();

app.post("/ask", async (request, reply) => {
  const body = { model: "gpt-5.6", input: String(request.body), max_output_tokens: 300 };
  const answer = await openai.responses.create({ ...body, stream: true }, { signal: disconnectSignal(reply.raw) });
  async function* texts() {
    for await (const event of answer) if (event.type === "response.output_text.delta") yield event.delta;
  }
  return reply.type("text/plain").send(Readable.from(texts()));
});

app.setErrorHandler(async (error, _request, reply) => {
  const denied = denialResponse(error); // 402 with the reason; undefined for every other error
  if (denied === undefined) throw error;
  return reply
    .code(denied.status)
    .type("application/json")
    .send(await denied.text());
});
// #endregion

const url = await app.listen({ port: 0, host: "127.0.0.1" });
await assertServes(`${url}/ask`, budget);
await app.close();
