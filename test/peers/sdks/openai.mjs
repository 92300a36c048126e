import OpenAI from "openai";

const connect = ({ fetch }) => new OpenAI({ apiKey: "test", fetch });

export const sdks = [
  {
    name: "openai chat",
    model: "gpt-5.6",
    async ask({ fetch, model, prompt, signal, maxTokens }) {
      const request = { model, max_completion_tokens: maxTokens, messages: [{ role: "user", content: prompt }] };
      const answer = await connect({ fetch }).chat.completions.create(request, { signal });
      return answer.choices[0].message.content;
    },
    async *stream({ fetch, model, prompt, signal, maxTokens }) {
      const request = { model, max_completion_tokens: maxTokens, messages: [{ role: "user", content: prompt }] };
      const stream = await connect({ fetch }).chat.completions.create({ ...request, stream: true }, { signal });
      for await (const chunk of stream) yield chunk.choices[0]?.delta.content ?? "";
    },
    async turn({ fetch, model, system, messages, maxTokens }) {
      const request = {
        model,
        max_completion_tokens: maxTokens,
        messages: [{ role: "system", content: system }, ...messages],
      };
      return (await connect({ fetch }).chat.completions.create(request)).choices[0].message.content;
    },
    also: {
      async "a conversation whose beginning is cached"({ fetch, model }) {
        const client = connect({ fetch });
        const messages = [{ role: "system", content: "A long instruction. ".repeat(500) }];
        for (const content of ["One?", "Two?", "Three?"]) {
          messages.push({ role: "user", content });
          const { choices, usage } = await client.chat.completions.create({ model, messages });
          messages.push(choices[0].message);
          if (content !== "One?" && usage.prompt_tokens_details.cached_tokens === 0)
            throw new Error("nothing was cached");
        }
      },
      async "embeddings and a picture"({ fetch }) {
        const client = connect({ fetch });
        await client.embeddings.create({ model: "text-embedding-4", input: ["One.", "Two."] });
        await client.images.generate({ model: "gpt-image-2", prompt: "A cat.", n: 2 });
      },
      async "several answers at a time"({ fetch, model, prompt }) {
        const messages = [{ role: "user", content: prompt }];
        await connect({ fetch }).chat.completions.create({ model, messages, n: 3, max_completion_tokens: 100 });
      },
    },
  },
  {
    name: "openai responses",
    model: "gpt-5.6",
    async ask({ fetch, model, prompt, signal, maxTokens }) {
      const request = { model, max_output_tokens: maxTokens, input: prompt };
      return (await connect({ fetch }).responses.create(request, { signal })).output_text;
    },
    async *stream({ fetch, model, prompt, signal, maxTokens }) {
      const request = { model, max_output_tokens: maxTokens, input: prompt, stream: true };
      for await (const event of await connect({ fetch }).responses.create(request, { signal })) {
        if (event.type === "response.output_text.delta") yield event.delta;
        if (event.type === "error") throw new Error(event.message);
      }
    },
  },
];
