// A program on OpenAI's package that knows nothing of a budget: whole answers, streams and responses until one is refused.
import OpenAI from "openai";

const client = new OpenAI();
const messages = [{ role: "user", content: "Say what you are." }];
const chat = { model: "gpt-5", max_completion_tokens: 2_000, messages };
try {
  for (let turn = 0; ; turn += 1) {
    if (turn % 3 === 0) await client.chat.completions.create(chat);
    else if (turn % 3 === 1) for await (const _ of await client.chat.completions.create({ ...chat, stream: true }));
    else await client.responses.create({ model: "gpt-5", max_output_tokens: 2_000, input: "Say what you are." });
  }
} catch (error) {
  if (!(error instanceof OpenAI.APIError)) throw error;
  console.log(`refused with ${error.status} ${error.code}`);
  process.exitCode = 7;
}
