import { type BudgetMiddleware, budgetMiddleware } from "@imprest/ai-sdk";
import { type Amount, usd, usdMicrocents } from "@imprest/core";
import { createEmbeddedAuthority } from "@imprest/embedded";
import { budgetMiddleware as langchainMiddleware } from "@imprest/langchain";
import { type GuardFetchOptions, type ModelPrices, createPriceTable, guardFetch } from "@imprest/llm";
import { type ModelProvider, type ModelRequest, createModelProvider } from "@imprest/testing/models";
import { serveModels } from "@imprest/testing/models/node";

/** Dollars for a million tokens: written once, for the provider and for the guard. */
export const prices = {
  // AI SDK names earlier reasoning by reference: tokens that a request does not hold are bounded by the model's own limit.
  "gpt-5.6": { input: "1.25", cachedInput: "0.125", output: "10.00", maxInputTokens: 400_000, maxOutputTokens: 32_000 },
  "grok-5": { input: "2.00", cachedInput: "0.50", output: "8.00", maxOutputTokens: 32_000 },
  "claude-sonnet-5": { input: "3.00", cachedInput: "0.30", cacheWrite: "3.75", output: "15.00" },
  "gemini-3-pro": { input: "1.25", cachedInput: "0.125", output: "10.00", maxOutputTokens: 32_000 },
  "text-embedding-4": { input: "0.02" },
  "gpt-image-2": { input: "5.00", imageOutput: "40.00", maxOutputTokens: 8_000 },
};

export interface BenchOptions extends Partial<Omit<GuardFetchOptions, "prices">> {
  /** Default: ten dollars. */
  readonly budget?: Amount | undefined;
  /** What the guard knows, where it is not what the provider charges. */
  readonly knownPrices?: Readonly<Record<string, ModelPrices>> | undefined;
  readonly answer?: ((request: ModelRequest) => { readonly outputTokens?: number }) | undefined;
  /** Requests go over real sockets. */
  readonly isServed?: boolean | undefined;
  /** Bodies arrive at the guard as no JSON. */
  readonly isGarbled?: boolean | undefined;
}

/** The adapters of hosts over the same books. */
export interface Adapters {
  readonly aiSdk: BudgetMiddleware;
  readonly langchain: ReturnType<typeof langchainMiddleware>;
}

/** A guarded fetch before a provider, and the books of both. */
export interface Bench {
  /** Counts what an SDK asks of it. */
  readonly fetch: typeof fetch;
  readonly bare: typeof fetch;
  readonly adapters: Adapters;
  readonly provider: ModelProvider;
  /** How often the SDK called: the fetch, or an adapter above it. */
  attempts(): number;
  /** The ledger once nothing is held any more, and the dead letters. */
  closed(): Promise<{ readonly spent: Amount; readonly reserved: bigint; readonly deadLetters: readonly unknown[] }>;
}

/** How long a settlement may take after the SDK has answered. */
const settleMs = 15_000;

export async function openBench(options: BenchOptions = {}): Promise<Bench> {
  const { budget = usd("10.00"), knownPrices = prices, answer, isServed, isGarbled, ...guardOptions } = options;
  const provider = createModelProvider({ prices, answer });
  const server = isServed ? await serveModels(provider) : undefined;
  const embedded = createEmbeddedAuthority();
  const scope = { tenant: "test" };
  await embedded.budgets.create({ scope, allocated: budget });
  const authority = embedded.authority(scope);
  const deadLetters: unknown[] = [];
  authority.environment?.observer?.on("dead-letter", (event) => deadLetters.push(event));
  const send: typeof fetch = (input, init) => {
    if (!server) return provider.fetch(input, init);
    const { pathname, search } = new URL(input instanceof Request ? input.url : input);
    return fetch(server.url + pathname + search, init);
  };
  const guarding = { waitMs: 0, ...guardOptions, fetch: send, prices: createPriceTable(knownPrices) };
  const guarded = guardFetch(authority, guarding);
  let attempts = 0;
  let adapted = 0;
  const modelBudget = { authority, guardOptions: guarding };
  const counting = <Adapter extends object>(adapter: Adapter): Adapter => {
    const wrapped = Object.entries(adapter).map(([name, hook]: [string, unknown]) => {
      if (typeof hook !== "function" || !/^wrap(?:Generate|Stream|ModelCall)$/.test(name)) return [name, hook];
      return [name, (...given: unknown[]): unknown => ((adapted += 1), hook.apply(adapter, given) as unknown)];
    });
    return { ...adapter, ...(Object.fromEntries(wrapped) as object) };
  };
  return {
    provider,
    bare: send,
    adapters: { aiSdk: counting(budgetMiddleware(modelBudget)), langchain: counting(langchainMiddleware(modelBudget)) },
    attempts: () => Math.max(attempts, adapted),
    fetch(input, init) {
      attempts += 1;
      return guarded(input, isGarbled ? { ...init, body: '{"model": "gpt-5.6", ' } : init);
    },
    async closed() {
      const until = Date.now() + settleMs;
      const get = () => embedded.budgets.get({ scope, unit: "USD_MICROCENTS" });
      let books = await get();
      const isOpen = (): boolean => books.reserved > 0n || provider.calls.some(({ state }) => state === "working");
      while (isOpen() && Date.now() < until) {
        await new Promise((resolve) => setTimeout(resolve, 20));
        books = await get();
      }
      await embedded.close();
      await server?.close();
      return { spent: usdMicrocents(books.spent), reserved: books.reserved, deadLetters };
    },
  };
}
