import * as ai7 from "ai";
import * as ai6 from "ai6";
import { createOpenAI as createOpenAI4 } from "@ai-sdk/openai";
import { createOpenAI as createOpenAI3 } from "@ai-sdk/openai3";
import { budgetMiddleware } from "@imprest/ai-sdk";
import type { Budget } from "imprest";

// The newest AI SDK and the lowest that is supported, each with a provider of its time. What differs in their types is
// written twice here, so that the tests are written once: that this compiles is part of what is tested.

interface Fetching {
  readonly fetch: typeof fetch;
}

/** A model of one host behind the middleware. */
export type Model = ReturnType<(typeof ai7)["wrapLanguageModel"]>;

export interface Host {
  readonly name: string;
  readonly ai: typeof ai7;
  model(budget: Budget, provider: Fetching, name?: string): Model;
  embedding(budget: Budget, provider: Fetching): Parameters<(typeof ai7)["embedMany"]>[0]["model"];
}

const newest: Host = {
  name: "ai 7",
  ai: ai7,
  model(budget, { fetch }, name = "gpt-5.6") {
    const model = createOpenAI4({ apiKey: "test", fetch })(name);
    return ai7.wrapLanguageModel({ model, middleware: budgetMiddleware(budget) });
  },
  embedding(budget, { fetch }) {
    const model = createOpenAI4({ apiKey: "test", fetch }).embeddingModel("text-embedding-4");
    return ai7.wrapEmbeddingModel({ model, middleware: budgetMiddleware(budget) });
  },
};

const lowest: Host = {
  name: "ai 6.0.0",
  // The functions that the tests call are the same in both.
  ai: ai6 as unknown as typeof ai7,
  model(budget, { fetch }, name = "gpt-5.6") {
    const model = createOpenAI3({ apiKey: "test", fetch })(name);
    return ai6.wrapLanguageModel({ model, middleware: budgetMiddleware(budget) }) as unknown as Model;
  },
  embedding(budget, { fetch }) {
    const model = createOpenAI3({ apiKey: "test", fetch }).embeddingModel("text-embedding-4");
    return ai6.wrapEmbeddingModel({ model, middleware: budgetMiddleware(budget) });
  },
};

export const hosts: readonly Host[] = [newest, lowest];
