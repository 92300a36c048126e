// docs/guides/move-to-a-server.md: the same agent over a budget of its process, a Cycles server and an ASP authority.
import assert from "node:assert/strict";
import { createEmbeddedAuthority } from "@imprest/embedded";
import { serve } from "@imprest/embedded/node";
import { provider } from "./stand-in.ts";
// #region agent
import OpenAI from "openai";
import { type Budget, createBudget, usd, withReservation } from "imprest";
import prices from "./prices.json" with { type: "json" };

async function agent(budget: Budget): Promise<void> {
  const openai = new OpenAI({ fetch: budget.fetch });
  await openai.responses.create({ model: "gpt-5.6", input: "Tell me more.", max_output_tokens: 300 });
  const search = { estimate: usd("0.02"), action: { kind: "web.search" } };
  await withReservation(budget, search, () => "found", { settle: "estimate" });
}

await agent(createBudget({ limit: "$0.05", prices })); // one process
// #endregion
const before = provider.bill;

// The server stands in for yours: `imprest serve`, a Cycles server on Redis, or an ASP authority.
const asp = { issuer: "https://authority.example", signingKey: { kid: "k1", privateKey: new Uint8Array(32).fill(7) } };
const embedded = createEmbeddedAuthority({ asp });
await embedded.budgets.create({ scope: { tenant: "acme" }, allocated: usd("1.00") });
const { key: apiKey } = await embedded.apiKeys.create({ tenant: "acme" });
const server = await serve(embedded, { port: 0 });
const baseUrl = server.url;

// #region cycles
import { CyclesClient } from "@imprest/cycles";
import { connectBudget } from "imprest";

const cycles = new CyclesClient({ baseUrl, apiKey, subject: { tenant: "acme" } }); // what `imprest serve` printed
await agent(connectBudget(cycles, { prices })); // many processes, over the Cycles wire
// #endregion

// #region asp
import { AspAuthority } from "@imprest/asp";

const authority = new AspAuthority(
  { baseUrl, apiKey },
  { budget: { budgetId: "tenant:acme", windowInstanceId: "2026-11" } },
);
await agent(connectBudget(authority, { prices })); // or any authority of the Agent Spend Protocol
// #endregion

const { spent, reserved } = await embedded.budgets.get({ scope: { tenant: "acme" }, unit: "USD_MICROCENTS" });
assert.deepEqual(
  { spent, reserved },
  { spent: provider.bill.amount - before.amount + usd("0.04").amount, reserved: 0n },
);
await server.close();
await embedded.close();
