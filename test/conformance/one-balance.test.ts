import { AspAuthority } from "@imprest/asp";
import { type SpendAuthority, openReservation, parseAmount, usd } from "@imprest/core";
import { CyclesAuthority } from "@imprest/cycles";
import { createEmbeddedAuthority } from "@imprest/embedded";
import { transportTo } from "@imprest/testing";
import { expect, it, onTestFinished } from "vitest";

// Whatever the wire, an authority says the same of a budget: what was allocated, spent, held, and what is left.

const unit = "USD_MICROCENTS";

async function open() {
  const issuer = "https://authority.example";
  const embedded = createEmbeddedAuthority({
    asp: { issuer, signingKey: { kid: "k1", privateKey: new Uint8Array(32).fill(7) } },
  });
  onTestFinished(() => embedded.close());
  await embedded.budgets.create({ scope: { tenant: "acme" }, allocated: usd("1.00") });
  await embedded.budgets.create({ scope: { tenant: "acme", agent: "writer" }, allocated: usd("0.30") });
  const { key: apiKey } = await embedded.apiKeys.create({ tenant: "acme" });
  const transport = transportTo(embedded);
  const subject = { tenant: "acme", agent: "writer" };
  const cycles = new CyclesAuthority({ baseUrl: issuer, apiKey, transport, subject });
  const asp = new AspAuthority(
    { baseUrl: issuer, apiKey, transport },
    { budget: { budgetId: "tenant:acme/agent:writer" } },
  );
  return { embedded, authorities: { cycles, asp, embedded: embedded.authority({ tenant: "acme", subject }) } };
}

it.each(["embedded", "cycles", "asp"] as const)("%s reports the budget with least left", async (wire) => {
  const { embedded, authorities } = await open();
  const authority: SpendAuthority = authorities[wire];
  const call = {
    estimate: usd("0.10"),
    action: { kind: "llm.completion" },
    subject: { tenant: "acme", agent: "writer" },
  };
  const inProcess = embedded.authority({ tenant: "acme" });
  await (await openReservation(inProcess, call)).commit(usd("0.07"));
  const open_ = await openReservation(inProcess, call);
  expect(await authority.balance?.({ unit })).toEqual({
    limit: parseAmount("$0.30"),
    spent: usd("0.07"),
    reserved: usd("0.10"),
    remaining: usd("0.13"),
  });
  await open_.release();
});

it.each(["embedded", "cycles"] as const)("%s has no books where there is no budget", async (wire) => {
  const { authorities } = await open();
  expect(await authorities[wire].balance({ unit: "TOKENS" })).toBeUndefined();
});
