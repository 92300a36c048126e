import Anthropic from "@anthropic-ai/sdk";

export const sdks = [
  {
    name: "@anthropic-ai/sdk",
    model: "claude-sonnet-5",
    async ask({ fetch, model, prompt, signal, maxTokens }) {
      const client = new Anthropic({ apiKey: "test", fetch });
      const request = { model, max_tokens: maxTokens, messages: [{ role: "user", content: prompt }] };
      const { content } = await client.messages.create(request, { signal });
      return content.map((block) => (block.type === "text" ? block.text : "")).join("");
    },
    async *stream({ fetch, model, prompt, signal, maxTokens }) {
      const client = new Anthropic({ apiKey: "test", fetch });
      const request = { model, max_tokens: maxTokens, messages: [{ role: "user", content: prompt }] };
      for await (const event of client.messages.stream(request, { signal })) {
        if (event.type === "content_block_delta" && event.delta.type === "text_delta") yield event.delta.text;
      }
    },
    async turn({ fetch, model, system, messages, maxTokens }) {
      const client = new Anthropic({ apiKey: "test", fetch });
      const cached = (text) => [{ type: "text", text, cache_control: { type: "ephemeral" } }];
      const earlier = messages.slice(0, -1);
      const last = { role: "user", content: cached(messages.at(-1).content) };
      const request = { model, max_tokens: maxTokens, system: cached(system), messages: [...earlier, last] };
      const { content } = await client.messages.stream(request).finalMessage();
      return content[0].text;
    },
    also: {
      async "a conversation whose beginning is cached for five minutes"({ fetch, model }) {
        const client = new Anthropic({ apiKey: "test", fetch });
        const text = "A long instruction. ".repeat(500);
        const system = [{ type: "text", text, cache_control: { type: "ephemeral" } }];
        for (const content of ["One?", "Two?"]) {
          const request = { model, max_tokens: 100, system, messages: [{ role: "user", content }] };
          const { usage } = await client.messages.create(request);
          if (content === "Two?" && usage.cache_read_input_tokens === 0) throw new Error("nothing was cached");
        }
      },
    },
  },
];
