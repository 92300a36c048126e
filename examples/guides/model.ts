// A stand-in for a provider: it answers, and says what it used, in the shape of OpenAI's usage object.

export interface Answer {
  readonly text: string;
  readonly usage: { readonly prompt_tokens: number; readonly completion_tokens: number };
}

export const model = {
  name: "demo-large",

  async complete(prompt: string, { signal }: { readonly signal?: AbortSignal } = {}): Promise<Answer> {
    signal?.throwIfAborted();
    return { text: `About ${prompt}: it depends.`, usage: { prompt_tokens: prompt.length, completion_tokens: 400 } };
  },

  async *stream(prompt: string): AsyncGenerator<{ readonly text: string; readonly usage?: Answer["usage"] }> {
    for (const word of `About ${prompt}: it depends.`.split(" ")) yield { text: `${word} ` };
    yield { text: "", usage: { prompt_tokens: prompt.length, completion_tokens: 400 } };
  },
};
