// docs/hosts/express.md: a server of Express before a model, under a budget.
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { assertServes } from "./over-http.ts";
// #region server
import express, { type ErrorRequestHandler } from "express";
import OpenAI from "openai";
import { createBudget, denialResponse } from "imprest";
import { disconnectSignal } from "imprest/node";
import prices from "./prices.json" with { type: "json" };

const budget = createBudget({ limit: "$0.05", prices });
const openai = new OpenAI({ fetch: budget.fetch });
const app = express();

app.post("/ask", express.text(), async (request, response) => {
  const body = { model: "gpt-5.6", input: String(request.body), max_output_tokens: 300 };
  const answer = await openai.responses.create({ ...body, stream: true }, { signal: disconnectSignal(response) });
  for await (const event of answer) if (event.type === "response.output_text.delta") response.write(event.delta);
  response.end();
});

const refuse: ErrorRequestHandler = async (error, _request, response, next) => {
  const denied = denialResponse(error); // 402 with the reason; undefined for every other error
  if (denied === undefined || response.headersSent) return next(error);
  response
    .status(denied.status)
    .type("json")
    .send(await denied.text());
};
app.use(refuse);
// #endregion

const server = app.listen(0, "127.0.0.1");
await once(server, "listening");
const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/ask`;
await assertServes(url, budget);
server.close();
