// Imported first by the examples of docs/hosts: no key, no network, and a bill to compare the books with.
import assert from "node:assert/strict";
import { createModelProvider } from "@imprest/testing/models";
import type { Budget } from "imprest";
import prices from "./prices.json" with { type: "json" };

export const provider = createModelProvider({ prices });
globalThis.fetch = provider.fetch;
for (const name of ["OPENAI_API_KEY", "ANTHROPIC_API_KEY", "GEMINI_API_KEY"]) process.env[name] = "none";

/** Waits until nothing is held, and compares the books with the provider's bill. */
export async function assertBilled(budget: Budget): Promise<void> {
  for (let tries = 0; tries < 400 && (await budget.balance()).reserved.amount > 0n; tries += 1) {
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  const { spent, reserved } = await budget.balance();
  assert.deepEqual({ spent, reserved: reserved.amount }, { spent: provider.bill, reserved: 0n });
}
