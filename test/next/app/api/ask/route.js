// docs/hosts/next.md: a route of Next before a model, under a budget. test/next/next.test.ts builds and asks it.
// #region route
import { after } from "next/server";
import OpenAI from "openai";
import { createBudget, denialResponse } from "imprest";
import prices from "../../../prices.json";

const budget = createBudget({ limit: "$0.05", prices });
const openai = new OpenAI({ fetch: budget.fetch });

export async function POST(request) {
  after(() => budget.flush()); // the last settlement ends after the answer has gone
  try {
    const body = { model: "gpt-5.6", input: await request.text(), max_output_tokens: 300 };
    const answer = await openai.responses.create({ ...body, stream: true }, { signal: request.signal });
    return new Response(textOf(answer), { headers: { "content-type": "text/plain" } });
  } catch (error) {
    const denied = denialResponse(error); // 402 with the reason; undefined for every other error
    if (denied) return denied;
    throw error;
  }
}

/** A stream whose reader leaves ends the answer, and with it the call. */
function textOf(answer) {
  const texts = (async function* () {
    const encoder = new TextEncoder();
    for await (const event of answer) {
      if (event.type === "response.output_text.delta") yield encoder.encode(event.delta);
    }
  })();
  return new ReadableStream({
    async pull(controller) {
      const { done, value } = await texts.next();
      if (done) controller.close();
      else controller.enqueue(value);
    },
    cancel: () => texts.return(),
  });
}
// #endregion
