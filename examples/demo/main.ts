// `npm run demo`: an agent's model calls are reserved, committed and finally stopped by a budget, over a real wire, with
// nothing to install. Ends with a ledger that must add up to the microcent; exits 1 if it does not.
import { type Amount, addAmounts, formatAmount, usd } from "@imprest/core";
import { CyclesAuthority } from "@imprest/cycles";
import { createEmbeddedAuthority } from "@imprest/embedded";
import { serve } from "@imprest/embedded/node";
import { OpenAI } from "openai";
import { runAgent } from "./agent.ts";
import { startModelServer } from "./model-server.ts";
import { showHeading, showLedger, showStep } from "./show.ts";

const budget = usd("0.05");
const tenant = "acme";

async function main(): Promise<boolean> {
  // The budget authority: in this process here, but spoken to over HTTP as a Cycles server elsewhere would be.
  const embedded = createEmbeddedAuthority({ policy: [{ belowPercent: 40, caps: { max_tokens: 400 } }] });
  await embedded.budgets.create({ scope: { tenant }, allocated: budget });
  const { key } = await embedded.apiKeys.create({ tenant });
  const server = await serve(embedded, { port: 0 });
  const authority = new CyclesAuthority({ baseUrl: server.url, apiKey: key, subject: { tenant } });

  // The model: a real provider when its address is set, else the endpoint that comes with the demo. A key alone is no
  // wish to spend money: many shells have one.
  const realUrl = process.env["OPENAI_BASE_URL"]?.trim() ?? "";
  const isReal = realUrl !== "";
  const local = isReal ? undefined : await startModelServer();
  const openai = local ? new OpenAI({ baseURL: local.baseUrl, apiKey: "demo" }) : new OpenAI({ baseURL: realUrl });
  const models = isReal
    ? { large: process.env["DEMO_LARGE_MODEL"] ?? "gpt-5", small: process.env["DEMO_SMALL_MODEL"] ?? "gpt-5-mini" }
    : { large: "demo-large", small: "demo-small" };

  showHeading(budget);
  const balance = () => embedded.budgets.get({ scope: { tenant }, unit: budget.unit });
  let charged: Amount = usd(0);
  let calls = 0;
  const denial = await runAgent({
    openai,
    authority,
    models,
    mostSteps: 40,
    onStep: async (step) => {
      calls += 1;
      if (step.settlement.charged) charged = addAmounts(charged, step.settlement.charged);
      showStep(step, await balance());
    },
  });
  console.log("\n* under caps: the authority allowed fewer tokens, and the agent went on with the smaller model.");
  console.log(
    denial ? `\nStopped before call ${calls + 1}: ${denial.reasonCode}.` : "\nThe agent finished within its budget.",
  );

  const closing = await balance();
  showLedger(charged, closing, calls);
  local?.close();
  await server.close();
  await embedded.close();

  const { allocated, spent, reserved, debt, remaining } = closing;
  const adds =
    spent === charged.amount &&
    reserved === 0n &&
    allocated === budget.amount &&
    remaining === allocated - spent - debt;
  const stopped = isReal || denial !== undefined;
  console.log(adds ? "  It adds up to the microcent." : `  It does not add up: ${formatAmount(charged)} was charged.`);
  return adds && stopped;
}

process.exitCode = (await main()) ? 0 : 1;
