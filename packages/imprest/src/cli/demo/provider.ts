import { type ModelProvider, createModelProvider } from "@imprest/testing/models";

/** Dollars per million tokens. */
export const prices = {
  "demo-large": { input: "5.00", output: "15.00" },
  "demo-small": { input: "1.00", output: "4.00" },
};

const sentences = [
  "A reservation holds budget before the agent acts. ",
  "The commit books what the call really cost and gives back the rest. ",
  "When the budget nears its end, the authority answers with caps. ",
  "An agent that honours them does less with each call and goes on. ",
  "The call that would exceed the budget never starts. ",
];

/** A model provider with no model behind it, which keeps its own books: the demo needs no account and no network. */
export function demoProvider(): ModelProvider {
  return createModelProvider({
    prices,
    answer: ({ body }) => ({ text: write(Array.isArray(body["messages"]) ? body["messages"].length : 0) }),
  });
}

/** How much there is to say differs from turn to turn, as with a real model. */
function write(turn: number): string {
  const words = sentences.join("").split(/(?<= )/);
  return Array.from({ length: 90 + ((turn * 137) % 160) }, (_, at) => words[at % words.length] ?? "").join("");
}
