// A program on the AI SDK that knows nothing of a budget: texts of two providers until one is refused.
import { anthropic } from "@ai-sdk/anthropic";
import { openai } from "@ai-sdk/openai";
import { APICallError, generateText, streamText } from "ai";

const models = [openai("gpt-5"), openai.chat("gpt-5"), anthropic("claude-sonnet-5")];
try {
  for (let turn = 0; ; turn += 1) {
    const request = { model: models[turn % models.length], prompt: "Say what you are.", maxOutputTokens: 2_000 };
    if (turn % 2 === 0) await generateText(request);
    else {
      let failure;
      await streamText({ ...request, onError: ({ error }) => (failure = error) }).consumeStream();
      if (failure !== undefined) throw failure;
    }
  }
} catch (error) {
  if (!APICallError.isInstance(error)) throw error;
  console.log(`refused with ${error.statusCode} ${/BUDGET_EXCEEDED/.exec(error.responseBody)?.[0]}`);
  process.exitCode = 7;
}
