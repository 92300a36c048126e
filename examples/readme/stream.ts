// The README's snippet, run as it stands against the demo's model provider and an authority in this process.
import { capped, usd, withReservationStream } from "@imprest/core";
import { createPriceTable, notBilled } from "@imprest/llm";
import { createEmbeddedAuthority } from "@imprest/embedded";
import { OpenAI } from "openai";
import { demoProvider } from "../demo/provider.ts";

const openai = new OpenAI({ fetch: demoProvider().fetch, apiKey: "demo" });
const model = "demo-large";
const messages = [{ role: "user" as const, content: "How should an agent handle money?" }];
const prices = createPriceTable({ "demo-large": { input: "5.00", output: "15.00" } });
const price = (usage: unknown) => prices.price(model, usage);

const embedded = createEmbeddedAuthority();
await embedded.budgets.create({ scope: { tenant: "acme" }, allocated: usd("0.05") });
const authority = embedded.authority({ tenant: "acme" });

// #region stream
const stream = withReservationStream(authority,
  { estimate: usd("0.02"), action: { kind: "llm.completion", name: model } },
  ({ caps, signal }) => openai.chat.completions.create({
    model, messages, stream: true, stream_options: { include_usage: true },
    max_completion_tokens: capped(caps, "max_tokens", 800) }, { signal, maxRetries: 0 }),
  { honours: ["max_tokens"], spend: (chunk) => chunk.usage && price(chunk.usage),
    unspent: notBilled, partial: "estimate" });
for await (const chunk of stream) process.stdout.write(chunk.choices[0]?.delta?.content ?? "");
console.log((await stream.settlement).charged);
// #endregion

await embedded.close();
