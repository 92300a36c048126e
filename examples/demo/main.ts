// `npm run demo`: an agent's model calls are reserved, committed and finally stopped by a budget, over real wires, with
// nothing to install. Ends with a ledger that must be the provider's own bill to the microcent; exits 1 if it is not.
import { type Amount, Observer, type SpendEvents, addAmounts, formatAmount, usd } from "@imprest/core";
import { CyclesAuthority, CyclesClient } from "@imprest/cycles";
import { createEmbeddedAuthority } from "@imprest/embedded";
import { serve } from "@imprest/embedded/node";
import { createPrefixMap, guardFetch } from "@imprest/llm";
import { serveModels } from "@imprest/testing/models/node";
import { OpenAI } from "openai";
import { runAgent } from "./agent.ts";
import { prices } from "./prices.ts";
import { demoProvider } from "./provider.ts";
import { showHeading, showLedger, showStep } from "./show.ts";

const budget = usd("0.05");
const tenant = "acme";

async function main(): Promise<boolean> {
  // The budget authority: in this process here, but spoken to over HTTP as a Cycles server elsewhere would be.
  const embedded = createEmbeddedAuthority({ policy: [{ belowPercent: 40, caps: { max_tokens: 400 } }] });
  await embedded.budgets.create({ scope: { tenant }, allocated: budget });
  const { key } = await embedded.apiKeys.create({ tenant });
  const server = await serve(embedded, { port: 0 });
  const observer = new Observer();
  const client = new CyclesClient({ baseUrl: server.url, apiKey: key, subject: { tenant } });
  const authority = new CyclesAuthority(client, { observer });

  // The model: a real provider when its address is set, else a stand-in with books of its own. A key alone is no wish to
  // spend money: many shells have one.
  const realUrl = process.env["OPENAI_BASE_URL"]?.trim() ?? "";
  const isReal = realUrl !== "";
  const provider = demoProvider();
  const standIn = isReal ? undefined : await serveModels(provider);

  // The one line that guards every call, whoever makes it.
  const guarded = guardFetch(authority, { prices, prefixes: createPrefixMap() });
  const openai = new OpenAI({
    fetch: guarded,
    ...(standIn ? { baseURL: `${standIn.url}/v1`, apiKey: "demo" } : { baseURL: realUrl }),
  });
  const models = isReal
    ? { large: process.env["DEMO_LARGE_MODEL"] ?? "gpt-5", small: process.env["DEMO_SMALL_MODEL"] ?? "gpt-5-mini" }
    : { large: "demo-large", small: "demo-small" };

  let decided: SpendEvents["decision"] | undefined;
  let charged: Amount = usd(0);
  let cost: Amount = usd(0);
  observer.on("decision", (decision) => (decided = decision));
  observer.on("settlement", ({ settlement }) => {
    cost = settlement.charged ?? usd(0);
    charged = addAmounts(charged, cost);
  });

  showHeading(budget);
  const balance = () => embedded.budgets.get({ scope: { tenant }, unit: budget.unit });
  let calls = 0;
  const denial = await runAgent({
    openai,
    models,
    mostSteps: 40,
    onStep: async (number, model, streamed) => {
      calls = number;
      const capped = (decided?.caps.length ?? 0) > 0;
      showStep({ number, model, streamed, estimate: decided?.estimate ?? usd(0), cost, capped }, await balance());
      return capped;
    },
  });
  console.log("\n* under caps: the authority allowed fewer tokens, and the agent went on with the smaller model.");
  console.log(
    denial ? `\nStopped before call ${calls + 1}: ${denial.reasonCode}.` : "\nThe agent finished within its budget.",
  );

  const closing = await balance();
  const bill = isReal ? undefined : provider.bill;
  showLedger(charged, closing, calls, bill);
  await standIn?.close();
  await server.close();
  await embedded.close();

  const { allocated, spent, reserved, debt, remaining } = closing;
  const adds =
    spent === charged.amount &&
    reserved === 0n &&
    allocated === budget.amount &&
    remaining === allocated - spent - debt;
  const isBilled = bill === undefined || bill.amount === spent;
  const stopped = isReal || denial !== undefined;
  console.log(
    adds && isBilled
      ? "  It adds up to the microcent."
      : `  It does not add up: ${formatAmount(charged)} was charged${bill ? `, ${formatAmount(bill)} billed` : ""}.`,
  );
  return adds && isBilled && stopped;
}

process.exitCode = (await main()) ? 0 : 1;
