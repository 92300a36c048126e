// docs/guides/durable-objects.md: a budget in a Durable Object, run by `workerd test`: what came of the calls goes to the log.

// #region object
import { type DurableObjectStorage, createBudget, durableObjectStore, formatAmount } from "imprest";

/** There is one object of a name in the world: whoever asks it spends its budget. */
export class TeamBudget {
  readonly #budget;

  constructor({ storage }: { readonly storage: DurableObjectStorage }) {
    this.#budget = createBudget({ limit: "$0.0006", prices, fetch: provider, store: durableObjectStore(storage) });
  }

  /** A request to a provider is guarded and sent on; `https://budget/` is answered with what is left. */
  async fetch(request: Request): Promise<Response> {
    if (new URL(request.url).hostname !== "budget") return this.#budget.fetch(request);
    await this.#budget.flush();
    const { remaining } = await this.#budget.balance();
    return new Response(formatAmount(remaining));
  }
}
// #endregion

const prices = { "demo-model": { input: "1.00", output: "1.00" } };
const usage = { prompt_tokens: 10, completion_tokens: 20, total_tokens: 30 };
const answer = { id: "c", object: "chat.completion", model: "demo-model", usage, choices: [] };

async function provider(): Promise<Response> {
  return Response.json(answer);
}

interface Env {
  readonly budgets: { idFromName(name: string): object; get(id: object): { readonly fetch: typeof fetch } };
}

// #region worker
const worker = {
  async ask(question: string, env: Env): Promise<Response> {
    const budget = env.budgets.get(env.budgets.idFromName("team"));
    // As `new OpenAI({ fetch: (input, init) => budget.fetch(input, init) })` would.
    return budget.fetch("https://api.openai.com/v1/chat/completions", {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({
        model: "demo-model",
        max_tokens: 20,
        messages: [{ role: "user", content: question }],
      }),
    });
  },
};
// #endregion

// oxlint-disable-next-line import/no-default-export -- workerd asks for one
export default {
  async test(_controller: unknown, env: Env): Promise<void> {
    const answers = await Promise.all(Array.from({ length: 60 }, () => worker.ask("What are streams?", env)));
    const count = (status: number): number => answers.filter((one) => one.status === status).length;
    const [spent, denied] = [count(200), count(402)];
    const left = await env.budgets.get(env.budgets.idFromName("team")).fetch("https://budget/");
    console.log(JSON.stringify({ spent, denied, left: await left.text() }));
  },
};
