// A program on Anthropic's package that knows nothing of a budget: whole answers and streams until one is refused.
import Anthropic from "@anthropic-ai/sdk";

const client = new Anthropic();
const request = {
  model: "claude-sonnet-5",
  max_tokens: 2_000,
  messages: [{ role: "user", content: "Say what you are." }],
};
try {
  for (let turn = 0; ; turn += 1) {
    if (turn % 2 === 0) await client.messages.create(request);
    else await client.messages.stream(request).finalMessage();
  }
} catch (error) {
  if (!(error instanceof Anthropic.APIError)) throw error;
  console.log(`refused with ${error.status} ${error.error.error.type}`);
  process.exitCode = 7;
}
