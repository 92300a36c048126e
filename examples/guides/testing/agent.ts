// What docs/guides/testing.md tests first: an agent that takes its budget from outside.
// #region agent
import type { Budget } from "imprest";

export const prices = { "gpt-5": { input: "1.25", output: "10.00" } };

/** Any SDK that takes a `fetch` would do here. */
export async function ask({ fetch: send }: Budget): Promise<number> {
  const response = await send("https://api.openai.com/v1/chat/completions", {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({
      model: "gpt-5",
      max_completion_tokens: 500,
      messages: [{ role: "user", content: "Hello" }],
    }),
  });
  await response.text();
  return response.status;
}
// #endregion
