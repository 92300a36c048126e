import { createPriceTable } from "@imprest/llm";

/** Dollars per million tokens, the user's own. For a real provider, put its models and prices here. */
export const modelPrices = {
  "demo-large": { input: "5.00", output: "15.00" },
  "demo-small": { input: "1.00", output: "4.00" },
  [process.env["DEMO_LARGE_MODEL"] ?? "gpt-5"]: { input: "1.25", output: "10.00", cachedInput: "0.125" },
  [process.env["DEMO_SMALL_MODEL"] ?? "gpt-5-mini"]: { input: "0.25", output: "2.00", cachedInput: "0.025" },
};

export const prices = createPriceTable(modelPrices);
