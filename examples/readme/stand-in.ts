// `node --import ./stand-in.ts budget.ts` asks no provider: a model provider with its own books answers every fetch.
import { createModelProvider } from "@imprest/testing/models";
import { formatAmount } from "imprest";
import prices from "./prices.json" with { type: "json" };

const provider = createModelProvider({ prices });
globalThis.fetch = provider.fetch;
process.on("exit", () => console.log(`The provider's own bill: ${formatAmount(provider.bill)}`));
